package philox

import (
	"math"
	"math/bits"
)

// Block gives the four words of a counter under a key.
func Block(counter [4]uint32, key [2]uint32) [4]uint32 {
	for range 10 {
		hi0, lo0 := bits.Mul32(0xD2511F53, counter[0])
		hi1, lo1 := bits.Mul32(0xCD9E8D57, counter[2])
		counter = [4]uint32{hi1 ^ counter[1] ^ key[0], lo1, hi0 ^ counter[3] ^ key[1], lo0}
		key[0] += 0x9E3779B9
		key[1] += 0xBB67AE85
	}
	return counter
}

// Key splits a seed into a key.
func Key(seed uint64) [2]uint32 { return [2]uint32{uint32(seed), uint32(seed >> 32)} }

// Counter joins two 64-bit coordinates into a counter, low words first.
func Counter(a, b uint64) [4]uint32 {
	return [4]uint32{uint32(a), uint32(a >> 32), uint32(b), uint32(b >> 32)}
}

// Unit turns two words into a float64 in [0, 1) with 53 random bits.
func Unit(hi, lo uint32) float64 {
	return float64((uint64(hi)<<32|uint64(lo))>>11) / (1 << 53)
}

// Normals fills dst with standard normal numbers: element i comes from block i/4 of the stream (Box
// and Muller 1958).
func Normals(dst []float32, seed, stream uint64) {
	key := Key(seed)
	for i := 0; i < len(dst); i += 4 {
		w := Block(Counter(uint64(i/4), stream), key)
		var n [4]float32
		for j := 0; j < 4; j += 2 {
			u := (float64(w[j]) + 0.5) / (1 << 32) // in (0, 1): the logarithm is finite
			sin, cos := math.Sincos(2 * math.Pi * float64(w[j+1]) / (1 << 32))
			r := math.Sqrt(-2 * math.Log(u))
			n[j], n[j+1] = float32(r*cos), float32(r*sin)
		}
		copy(dst[i:], n[:])
	}
}

// Uniforms fills dst with numbers uniform in [-bound, bound).
func Uniforms(dst []float32, seed, stream uint64, bound float64) {
	key := Key(seed)
	for i := 0; i < len(dst); i += 4 {
		w := Block(Counter(uint64(i/4), stream), key)
		for j := 0; j < 4 && i+j < len(dst); j++ {
			dst[i+j] = float32((float64(w[j])/(1<<31) - 1) * bound)
		}
	}
}
