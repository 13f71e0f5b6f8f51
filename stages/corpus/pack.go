package corpus

import (
	"fmt"
	"math/bits"
)

// Packs groups samples into packs of at most capacity ids: again and again the longest sample that
// still fits is taken (best fit from the top), of equally long ones the last. It answers with sample
// numbers. The order is that of LLaMA-Factory's greedy knapsack, in time linear in the samples.
func Packs(lengths []int32, capacity int) ([][]int32, error) {
	longest := 0
	for i, n := range lengths {
		if n < 0 || int(n) > capacity {
			return nil, fmt.Errorf("pack samples: sample %d has %d ids, a pack takes %d", i, n, capacity)
		}
		longest = max(longest, int(n))
	}
	byLength := make([][]int32, longest+1)
	have := make(bitset, longest/64+1)
	for i, n := range lengths {
		byLength[n] = append(byLength[n], int32(i))
		have.set(int(n))
	}
	var packs [][]int32
	for left := len(lengths); left > 0; {
		var pack []int32
		for rest := capacity; ; {
			n := have.atMost(min(rest, longest))
			if n < 0 {
				break
			}
			of := byLength[n]
			pack = append(pack, of[len(of)-1])
			if byLength[n] = of[:len(of)-1]; len(of) == 1 {
				have.clear(n)
			}
			rest -= n
			left--
		}
		packs = append(packs, pack)
	}
	return packs, nil
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
