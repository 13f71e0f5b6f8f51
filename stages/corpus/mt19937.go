package corpus

import "math/bits"

// MT19937 is the Mersenne twister (Matsumoto and Nishimura 1998) with its 32-bit seeding, the source
// behind numpy's RandomState(seed) and torch's CPU generator.
type MT19937 struct {
	state [624]uint32
	next  int
}

// NewMT19937 seeds a generator.
func NewMT19937(seed uint32) *MT19937 {
	m := &MT19937{next: 624}
	m.state[0] = seed
	for i := 1; i < len(m.state); i++ {
		p := m.state[i-1]
		m.state[i] = 1812433253*(p^p>>30) + uint32(i)
	}
	return m
}

// Uint32 draws 32 bits.
func (m *MT19937) Uint32() uint32 {
	if m.next == len(m.state) {
		m.twist()
	}
	y := m.state[m.next]
	m.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

func (m *MT19937) twist() {
	const n, shift = 624, 397
	for i := range n {
		y := m.state[i]&0x80000000 | m.state[(i+1)%n]&0x7fffffff
		v := m.state[(i+shift)%n] ^ y>>1
		if y&1 != 0 {
			v ^= 0x9908b0df
		}
		m.state[i] = v
	}
	m.next = 0
}

// interval draws from [0, high] as numpy's legacy random_interval: masked rejection on 32-bit words
// (two words, high one first, when high needs more).
func (m *MT19937) interval(high uint64) uint64 {
	if high == 0 {
		return 0
	}
	mask := uint64(1)<<bits.Len64(high) - 1
	for {
		v := uint64(m.Uint32())
		if high > 0xffffffff {
			v = v<<32 | uint64(m.Uint32())
		}
		if v &= mask; v <= high {
			return v
		}
	}
}

// Shuffle is numpy's legacy in-place shuffle of a one-dimensional array.
func Shuffle[T any](m *MT19937, x []T) {
	for i := len(x) - 1; i > 0; i-- {
		j := m.interval(uint64(i))
		x[i], x[j] = x[j], x[i]
	}
}

// Permutation is torch.randperm(n) on a CPU generator of this state.
func (m *MT19937) Permutation(n int) []int64 {
	x := make([]int64, n)
	for i := range x {
		x[i] = int64(i)
	}
	for i := 0; i < n-1; i++ {
		j := i + int(m.Uint32()%uint32(n-i))
		x[i], x[j] = x[j], x[i]
	}
	return x
}
