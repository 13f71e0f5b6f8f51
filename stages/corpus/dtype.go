package corpus

import "fmt"

// DType is the element type code of an index (Megatron core, indexed_dataset: enum DType).
type DType uint8

// The codes an .idx may carry. Token indexes hold integers; the float types appear in the format only.
const (
	U8  DType = 1
	I8  DType = 2
	I16 DType = 3
	I32 DType = 4
	I64 DType = 5
	F64 DType = 6
	F32 DType = 7
	U16 DType = 8
)

// Size is the width of an element in bytes, 0 for an unknown code.
func (d DType) Size() int {
	switch d {
	case U8, I8:
		return 1
	case I16, U16:
		return 2
	case I32, F32:
		return 4
	case I64, F64:
		return 8
	}
	return 0
}

func (d DType) String() string {
	switch d {
	case U8:
		return "uint8"
	case I8:
		return "int8"
	case I16:
		return "int16"
	case I32:
		return "int32"
	case I64:
		return "int64"
	case F64:
		return "float64"
	case F32:
		return "float32"
	case U16:
		return "uint16"
	}
	return fmt.Sprintf("code %d", uint8(d))
}

// Range is the smallest and largest id that the type can hold, as far as ids are 32 bits wide. ok is
// false for types that hold no token ids.
func (d DType) Range() (low, high int64, ok bool) {
	switch d {
	case U8:
		return 0, 1<<8 - 1, true
	case I8:
		return -1 << 7, 1<<7 - 1, true
	case I16:
		return -1 << 15, 1<<15 - 1, true
	case U16:
		return 0, 1<<16 - 1, true
	case I32, I64:
		return -1 << 31, 1<<31 - 1, true
	}
	return 0, 0, false
}

// Smallest is Megatron's rule for the type of a vocabulary: 16 bits below 65500 entries, else 32.
func Smallest(vocab int) DType {
	if vocab < 65500 {
		return U16
	}
	return I32
}
