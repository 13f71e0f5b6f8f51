package main

// random is splitmix64 (Steele, Lea and Flood 2014): a fixed algorithm of our own, so that committed
// data never depends on the standard library's generators.
type random struct{ state uint64 }

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below draws from [0, n).
func (r *random) below(n int) int { return int(r.next() % uint64(n)) }

// unit draws from (0, 1).
func (r *random) unit() float64 { return (float64(r.next()>>11) + 0.5) / (1 << 53) }

// choose draws k different items.
func choose[T any](r *random, items []T, k int) []T {
	picked := append([]T(nil), items...)
	for i := 0; i < k; i++ {
		j := i + r.below(len(picked)-i)
		picked[i], picked[j] = picked[j], picked[i]
	}
	return picked[:k]
}
