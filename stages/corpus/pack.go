package corpus

import (
	"fmt"
	"iter"
	"math"
	"math/bits"
)

// Packs groups samples into packs of at most capacity ids: again and again the longest sample that
// still fits is taken (best fit from the top), of equally long ones the last. It yields sample numbers, in a slice that
// the next pack reuses, and can be gone through once. The order is that of LLaMA-Factory's greedy knapsack, in time
// linear in the samples; besides what length reads, it takes four bytes a sample.
func Packs(samples int, length func(i int) int, capacity int) (iter.Seq[[]int32], error) {
	if samples > math.MaxInt32 {
		return nil, fmt.Errorf("pack samples: %d of them, more than %d", samples, math.MaxInt32)
	}
	longest := 0
	for i := range samples {
		n := length(i)
		if n < 0 || n > capacity {
			return nil, fmt.Errorf("pack samples: sample %d has %d ids, a pack takes %d", i, n, capacity)
		}
		longest = max(longest, n)
	}
	// Samples of one length hang together from the last to the first.
	const none = -1
	last, before := make([]int32, longest+1), make([]int32, samples)
	for n := range last {
		last[n] = none
	}
	have := make(bitset, longest/64+1)
	for i := range samples {
		n := length(i)
		before[i], last[n] = last[n], int32(i)
		have.set(n)
	}
	return func(yield func([]int32) bool) {
		var pack []int32
		for left := samples; left > 0; {
			pack = pack[:0]
			for rest := capacity; ; {
				n := have.atMost(min(rest, longest))
				if n < 0 {
					break
				}
				i := last[n]
				pack = append(pack, i)
				if last[n] = before[i]; last[n] == none {
					have.clear(n)
				}
				rest -= n
				left--
			}
			if !yield(pack) {
				return
			}
		}
	}, nil
}

type bitset []uint64

func (b bitset) set(i int)   { b[i/64] |= 1 << (i % 64) }
func (b bitset) clear(i int) { b[i/64] &^= 1 << (i % 64) }

// atMost is the largest member up to i, or -1.
func (b bitset) atMost(i int) int {
	w := i / 64
	word := b[w] & (^uint64(0) >> (63 - i%64))
	for word == 0 {
		if w--; w < 0 {
			return -1
		}
		word = b[w]
	}
	return w*64 + bits.Len64(word) - 1
}
