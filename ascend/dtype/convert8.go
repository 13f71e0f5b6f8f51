package dtype

import "math"

// F8E4M3ToF32 widens a float8 of the OCP form without infinities: bias 7, largest 448, NaN 0x7f.
func F8E4M3ToF32(b uint8) float32 {
	if b&0x7f == 0x7f {
		return float32(math.NaN())
	}
	exponent, mantissa := int(b>>3&15), float64(b&7)
	v := math.Ldexp(8+mantissa, exponent-7-3)
	if exponent == 0 {
		v = math.Ldexp(mantissa, -6-3)
	}
	if b&0x80 != 0 {
		v = -v
	}
	return float32(v)
}

// F32ToF8E4M3 rounds to nearest even; above 464, half way past the largest, NaN, as in PyTorch.
func F32ToF8E4M3(f float32) uint8 {
	sign := uint8(math.Float32bits(f) >> 24 & 0x80)
	b := math.Float32bits(f) & 0x7fffffff
	if b > 0x43e80000 { // above 464, infinity and NaN
		return sign | 0x7f
	}
	return sign | uint8(narrow(b, 4, 3))
}

// F8E5M2ToF32 widens a float8 that is the upper half of an IEEE half.
func F8E5M2ToF32(b uint8) float32 { return F16ToF32(uint16(b) << 8) }

// F32ToF8E5M2 rounds to nearest even; what is too large becomes infinity, NaN becomes 0x7f.
func F32ToF8E5M2(f float32) uint8 {
	sign := uint8(math.Float32bits(f) >> 24 & 0x80)
	b := math.Float32bits(f) & 0x7fffffff
	switch {
	case b > 0x7f800000:
		return sign | 0x7f
	case b >= 0x47700000: // 61440, half way past the largest, and above
		return sign | 0x7c
	default:
		return sign | uint8(narrow(b, 5, 2))
	}
}
