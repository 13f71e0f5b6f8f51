package convert

import (
	"fmt"
	"slices"
)

// ropePairs reorders the rows of each head of q or k from halves, which rotate together at a distance of half a head, to
// neighbours, which is how llama.cpp rotates: row i and row i + HeadDim/2 become rows 2i and 2i+1.
type ropePairs struct{}

func (ropePairs) Name() string { return "rope_pairs" }

func (ropePairs) Shape(env Env, parts [][]int) ([]int, error) {
	if len(parts) != 1 || len(parts[0]) == 0 {
		return nil, fmt.Errorf("shapes %v are not one tensor", parts)
	}
	if env.HeadDim < 2 || env.HeadDim%2 != 0 || parts[0][0]%env.HeadDim != 0 {
		return nil, fmt.Errorf("shape %v has no whole heads of %d rows in pairs", parts[0], env.HeadDim)
	}
	return slices.Clone(parts[0]), nil
}

func (t ropePairs) Forward(env Env, parts []Block) (Block, error) {
	return t.move(env, parts[0], func(i, half int) int { return i%2*half + i/2 })
}

func (t ropePairs) Inverse(env Env, whole Block, _ [][]int, _ int) (Block, error) {
	return t.move(env, whole, func(i, half int) int { return i%half*2 + i/half })
}

// move takes row i of every head from row from(i).
func (t ropePairs) move(env Env, b Block, from func(i, half int) int) (Block, error) {
	shape, err := t.Shape(env, [][]int{b.Shape})
	if err != nil {
		return Block{}, err
	}
	row := b.rowBytes()
	out := make([]byte, 0, len(b.Data))
	for head := 0; head < b.Shape[0]; head += env.HeadDim {
		for i := range env.HeadDim {
			at := (head + from(i, env.HeadDim/2)) * row
			out = append(out, b.Data[at:at+row]...)
		}
	}
	return Block{Shape: shape, Size: b.Size, Data: out}, nil
}
