package convert

import (
	"slices"

	"github.com/belay-ml/belay/models/family"
)

// gather is a stored tensor that holds the experts of a rank one after the other. Its shape is nominal:
// the axis that counts them depends on the format, the order of the bytes does not.
type gather struct {
	axis string // family.Rows, family.Columns or family.Stack; "" where each expert has its own tensor
	n    int    // experts
}

// shape is that of n experts for the shape of one.
func (g gather) shape(one []int) []int {
	out := slices.Clone(one)
	switch g.axis {
	case family.Rows:
		out[0] *= g.n
	case family.Columns:
		out[1] *= g.n
	case family.Stack:
		out = append([]int{g.n}, one...)
	}
	return out
}

// one is expert k of a stored tensor.
func (g gather) one(b Block, shape []int, k int) Block {
	if g.axis == "" {
		return b
	}
	n := len(b.Data) / g.n
	return Block{Shape: shape, Size: b.Size, Data: b.Data[k*n : (k+1)*n]}
}

// expertRange are the experts of an expert-parallel rank.
func expertRange(experts, rank, ep int) (from, to int) {
	n := experts / ep
	return rank * n, (rank + 1) * n
}
