package dtype

import "math"

// BF16ToF32 widens a bfloat16, which is the upper half of a float32.
func BF16ToF32(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// F32ToBF16 rounds to nearest even. Any NaN becomes 0x7fc0, as in PyTorch.
func F32ToBF16(f float32) uint16 {
	if f != f {
		return 0x7fc0
	}
	b := math.Float32bits(f)
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// F16ToF32 widens an IEEE half. Shifted into place its exponent is 112 too small; one exact product
// corrects that for normal and subnormal numbers alike.
func F16ToF32(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	b := uint32(h&0x7fff) << 13
	if b >= 0x7c00<<13 {
		return math.Float32frombits(sign | 0x7f800000 | b)
	}
	f := math.Float32frombits(b) * 0x1p112
	return math.Float32frombits(sign | math.Float32bits(f))
}

// F32ToF16 rounds to nearest even; what is too large becomes infinity.
func F32ToF16(f float32) uint16 {
	sign := uint16(math.Float32bits(f) >> 16 & 0x8000)
	b := math.Float32bits(f) & 0x7fffffff
	switch {
	case b > 0x7f800000:
		return sign | 0x7e00
	case b >= 0x477ff000: // 65520 and above
		return sign | 0x7c00
	default:
		return sign | uint16(narrow(b, 5, 10))
	}
}

// narrow rounds the bits of a positive finite float32 to a format of so many bits of exponent and
// mantissa, the exponent biased as IEEE does. A number past the largest carries into the codes above it.
func narrow(b uint32, exponentBits, mantissaBits int) uint32 {
	bias := 1<<(exponentBits-1) - 1
	drop := 23 - mantissaBits
	exponent := int(b>>23) - 127 + bias
	mantissa := b
	if exponent > 0 {
		mantissa = b - uint32(127-bias)<<23
	} else {
		// Subnormal: the leading one becomes explicit and moves down.
		mantissa = b&0x7fffff | 0x800000
		drop += 1 - exponent
		if drop > 25 {
			return 0
		}
	}
	half := uint32(1) << (drop - 1)
	return (mantissa + half - 1 + mantissa>>drop&1) >> drop
}
