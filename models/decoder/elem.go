package decoder

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/belay-ml/belay/ascend/dtype"
)

// widen reads little-endian elements into dst.
func widen(dst []float32, src []byte, dt dtype.DType) error {
	if len(src) != len(dst)*dt.Size() {
		return fmt.Errorf("%d bytes for %d elements of %s", len(src), len(dst), dt)
	}
	le := binary.LittleEndian
	switch dt {
	case dtype.F32:
		for i := range dst {
			dst[i] = math.Float32frombits(le.Uint32(src[4*i:]))
		}
	case dtype.BF16:
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(le.Uint16(src[2*i:])) << 16)
		}
	case dtype.F16:
		for i := range dst {
			dst[i] = fromHalf(le.Uint16(src[2*i:]))
		}
	case dtype.F64:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(le.Uint64(src[8*i:])))
		}
	default:
		return fmt.Errorf("element type %s is not one the decoder loads (F32, BF16, F16, F64)", dt)
	}
	return nil
}

// narrow writes src as little-endian elements, rounded to nearest, ties to even.
func narrow(dst []byte, src []float32, dt dtype.DType) error {
	le := binary.LittleEndian
	switch dt {
	case dtype.F32:
		for i, x := range src {
			le.PutUint32(dst[4*i:], math.Float32bits(x))
		}
	case dtype.BF16:
		for i, x := range src {
			le.PutUint16(dst[2*i:], toBF16(x))
		}
	case dtype.F16:
		for i, x := range src {
			le.PutUint16(dst[2*i:], toHalf(x))
		}
	case dtype.F64:
		for i, x := range src {
			le.PutUint64(dst[8*i:], math.Float64bits(float64(x)))
		}
	default:
		return fmt.Errorf("element type %s is not one the decoder stores (F32, BF16, F16, F64)", dt)
	}
	return nil
}

func toBF16(x float32) uint16 {
	b := math.Float32bits(x)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40 // stays a NaN
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

func fromHalf(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10)&31, uint32(h)&0x3ff
	switch exp {
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case 0: // subnormal: frac * 2^-24
		f := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(sign | math.Float32bits(f))
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

func toHalf(x float32) uint16 {
	b := math.Float32bits(x)
	sign, mag := uint16(b>>16)&0x8000, b&0x7fffffff
	switch {
	case mag > 0x7f800000:
		return sign | 0x7e00
	case mag >= 0x477ff000: // rounds beyond 65504
		return sign | 0x7c00
	case mag < 0x38800000: // subnormal: adding 0.5 leaves the rounded multiple of 2^-24 in the low bits
		return sign | uint16(math.Float32bits(math.Float32frombits(mag)+0.5)-math.Float32bits(0.5))
	}
	return sign | uint16((mag-0x38000000+0xfff+mag>>13&1)>>13)
}
