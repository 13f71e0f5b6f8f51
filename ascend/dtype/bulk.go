package dtype

import (
	"encoding/binary"
	"fmt"
	"math"
)

var le = binary.LittleEndian

// checkBulk says whether n elements of d fill size bytes.
func checkBulk(n, size int, d DType) error {
	if d == Invalid || int(d) >= len(infos) {
		return fmt.Errorf("convert elements: no conversion for %v", d)
	}
	if size != n*d.Size() {
		return fmt.Errorf("convert elements: %d elements of %v are %d bytes, have %d", n, d, n*d.Size(), size)
	}
	return nil
}

// ToF32 converts the little-endian elements of src to float32. Wider numbers are rounded to nearest.
func ToF32(dst []float32, src []byte, d DType) error {
	if err := checkBulk(len(dst), len(src), d); err != nil {
		return err
	}
	switch d {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(le.Uint32(src[4*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = BF16ToF32(le.Uint16(src[2*i:]))
		}
	case F16:
		for i := range dst {
			dst[i] = F16ToF32(le.Uint16(src[2*i:]))
		}
	case F8E4M3:
		lookUp(dst, src, F8E4M3ToF32)
	case F8E5M2:
		lookUp(dst, src, F8E5M2ToF32)
	case F64:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(le.Uint64(src[8*i:])))
		}
	default:
		for i := range dst {
			dst[i] = integerToF32(src[i*d.Size():], d)
		}
	}
	return nil
}

// lookUp decodes bytes through a table of all codes.
func lookUp(dst []float32, src []byte, decode func(uint8) float32) {
	if len(src) < 256 {
		for i, b := range src {
			dst[i] = decode(b)
		}
		return
	}
	var table [256]float32
	for i := range table {
		table[i] = decode(uint8(i))
	}
	for i, b := range src {
		dst[i] = table[b]
	}
}

func integerToF32(b []byte, d DType) float32 {
	switch d {
	case I64:
		return float32(int64(le.Uint64(b)))
	case U64:
		return float32(le.Uint64(b))
	case I32:
		return float32(int32(le.Uint32(b)))
	case U32:
		return float32(le.Uint32(b))
	case I16:
		return float32(int16(le.Uint16(b)))
	case U16:
		return float32(le.Uint16(b))
	case I8:
		return float32(int8(b[0]))
	case Bool:
		if b[0] != 0 {
			return 1
		}
		return 0
	default: // U8
		return float32(b[0])
	}
}

// FromF32 converts src to little-endian elements of dst. Floats are rounded to nearest even; integers are
// cut towards zero and held within their range, NaN giving 0; Bool is whether the number is not 0.
func FromF32(dst []byte, src []float32, d DType) error {
	if err := checkBulk(len(src), len(dst), d); err != nil {
		return err
	}
	switch d {
	case F32:
		for i, f := range src {
			le.PutUint32(dst[4*i:], math.Float32bits(f))
		}
	case BF16:
		for i, f := range src {
			le.PutUint16(dst[2*i:], F32ToBF16(f))
		}
	case F16:
		for i, f := range src {
			le.PutUint16(dst[2*i:], F32ToF16(f))
		}
	case F8E4M3:
		for i, f := range src {
			dst[i] = F32ToF8E4M3(f)
		}
	case F8E5M2:
		for i, f := range src {
			dst[i] = F32ToF8E5M2(f)
		}
	case F64:
		for i, f := range src {
			le.PutUint64(dst[8*i:], math.Float64bits(float64(f)))
		}
	default:
		for i, f := range src {
			f32ToInteger(dst[i*d.Size():], f, d)
		}
	}
	return nil
}

func f32ToInteger(b []byte, f float32, d DType) {
	switch d {
	case I64:
		le.PutUint64(b, uint64(signed(f, 64)))
	case I32:
		le.PutUint32(b, uint32(signed(f, 32)))
	case I16:
		le.PutUint16(b, uint16(signed(f, 16)))
	case I8:
		b[0] = byte(signed(f, 8))
	case U64:
		le.PutUint64(b, unsigned(f, 64))
	case U32:
		le.PutUint32(b, uint32(unsigned(f, 32)))
	case U16:
		le.PutUint16(b, uint16(unsigned(f, 16)))
	case U8:
		b[0] = byte(unsigned(f, 8))
	default: // Bool
		b[0] = 0
		if f != 0 {
			b[0] = 1
		}
	}
}

// signed cuts f to an integer of so many bits.
func signed(f float32, bits int) int64 {
	limit := math.Ldexp(1, bits-1)
	switch v := float64(f); {
	case f != f:
		return 0
	case v >= limit:
		return int64(^uint64(0) >> (65 - bits))
	case v <= -limit:
		return -1 << (bits - 1)
	default:
		return int64(v)
	}
}

func unsigned(f float32, bits int) uint64 {
	switch v := float64(f); {
	case f != f || v <= 0:
		return 0
	case v >= math.Ldexp(1, bits):
		return ^uint64(0) >> (64 - bits)
	default:
		return uint64(v)
	}
}
