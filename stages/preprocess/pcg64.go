package preprocess

import "math/bits"

// pcg64 draws the numbers of numpy's default_rng(seed): the 128-bit generator PCG XSL RR, seeded
// through numpy's SeedSequence. The datasets library interleaves by it.
type pcg64 struct{ state, step uint128 }

type uint128 struct{ high, low uint64 }

// pcgFactor multiplies the state.
var pcgFactor = uint128{0x2360ed051fc65da4, 0x4385df649fccf645}

func (a uint128) add(b uint128) uint128 {
	low, carry := bits.Add64(a.low, b.low, 0)
	high, _ := bits.Add64(a.high, b.high, carry)
	return uint128{high, low}
}

func (a uint128) mul(b uint128) uint128 {
	high, low := bits.Mul64(a.low, b.low)
	return uint128{high + a.high*b.low + a.low*b.high, low}
}

func newPCG64(seed uint64) *pcg64 {
	s := seedWords(seed)
	// The increment is the second half, doubled and made odd.
	g := &pcg64{step: uint128{s[2]<<1 | s[3]>>63, s[3]<<1 | 1}}
	g.advance()
	g.state = g.state.add(uint128{s[0], s[1]})
	g.advance()
	return g
}

func (g *pcg64) advance() { g.state = g.state.mul(pcgFactor).add(g.step) }

// float64 is the next number from 0 to 1.
func (g *pcg64) float64() float64 {
	g.advance()
	x := bits.RotateLeft64(g.state.high^g.state.low, -int(g.state.high>>58))
	return float64(x>>11) / (1 << 53)
}

// seedWords are the four words that SeedSequence makes of a seed: it is hashed into a pool of 32-bit
// words, of which every one is then mixed into every other.
func seedWords(seed uint64) (out [4]uint64) {
	var pool [4]uint32
	hash := uint32(0x43b0d7e5)
	scramble := func(x uint32) uint32 {
		x ^= hash
		hash *= 0x931e8875
		x *= hash
		return x ^ x>>16
	}
	for i, word := range [4]uint32{uint32(seed), uint32(seed >> 32)} {
		pool[i] = scramble(word)
	}
	for from := range pool {
		for to := range pool {
			if from != to {
				x := pool[to]*0xca01f9dd - scramble(pool[from])*0x4973f715
				pool[to] = x ^ x>>16
			}
		}
	}
	hash = 0x8b51f9dd
	for i := range 8 {
		x := pool[i%4] ^ hash
		hash *= 0x58f38ded
		x *= hash
		x ^= x >> 16
		out[i/2] |= uint64(x) << (32 * (i % 2))
	}
	return out
}
