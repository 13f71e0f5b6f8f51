package dtype

import "fmt"

// DType is an element type of a tensor, in memory or in a checkpoint file.
type DType uint8

// The element types that checkpoints carry. F32 is what the cpu backend computes in.
const (
	Invalid DType = iota
	F64
	F32
	F16
	BF16
	F8E4M3
	F8E5M2
	I64
	I32
	I16
	I8
	U8
	U16
	U32
	U64
	Bool
)

type info struct {
	name string // the spelling of the safetensors format
	size int    // bytes an element
}

var infos = [...]info{
	Invalid: {"invalid", 0},
	F64:     {"F64", 8}, F32: {"F32", 4}, F16: {"F16", 2}, BF16: {"BF16", 2},
	F8E4M3: {"F8_E4M3", 1}, F8E5M2: {"F8_E5M2", 1},
	I64: {"I64", 8}, I32: {"I32", 4}, I16: {"I16", 2}, I8: {"I8", 1},
	U8: {"U8", 1}, U16: {"U16", 2}, U32: {"U32", 4}, U64: {"U64", 8}, Bool: {"BOOL", 1},
}

// Size is the number of bytes of one element.
func (d DType) Size() int { return infos[d].size }

// String is the safetensors spelling, for example "BF16".
func (d DType) String() string {
	if int(d) >= len(infos) {
		return fmt.Sprintf("dtype(%d)", uint8(d))
	}
	return infos[d].name
}

// Float says whether d holds floating-point numbers.
func (d DType) Float() bool { return d >= F64 && d <= F8E5M2 }

// Parse reads the safetensors spelling.
func Parse(s string) (DType, error) {
	for d, i := range infos {
		if i.name == s && d != int(Invalid) {
			return DType(d), nil
		}
	}
	return Invalid, fmt.Errorf("unknown element type %q", s)
}
