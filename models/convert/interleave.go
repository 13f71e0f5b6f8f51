package convert

import (
	"fmt"
	"slices"
)

// interleaveQKV is Megatron's order of attention rows: for each query group its query heads, its key
// head, its value head. Parts are q [r*groups*HeadDim, ...], k and v [groups*HeadDim, ...].
type interleaveQKV struct{}

func (interleaveQKV) Name() string { return "interleave_qkv" }

func (interleaveQKV) Shape(env Env, parts [][]int) ([]int, error) {
	if len(parts) != 3 {
		return nil, fmt.Errorf("%d parts, want q, k and v", len(parts))
	}
	q, k, v := parts[0], parts[1], parts[2]
	switch {
	case env.HeadDim < 1 || k[0] < 1 || k[0]%env.HeadDim != 0:
		return nil, fmt.Errorf("k of shape %v has no whole heads of %d", k, env.HeadDim)
	case !slices.Equal(k, v):
		return nil, fmt.Errorf("k %v and v %v differ", k, v)
	case q[0]%k[0] != 0:
		return nil, fmt.Errorf("q of %d rows is no multiple of k of %d", q[0], k[0])
	case !slices.Equal(q[1:], k[1:]):
		return nil, fmt.Errorf("q %v and k %v differ beyond the first axis", q, k)
	}
	out := slices.Clone(q)
	out[0] = q[0] + 2*k[0]
	return out, nil
}

func (t interleaveQKV) Forward(env Env, parts []Block) (Block, error) {
	shape, err := t.Shape(env, shapesOf(parts))
	if err != nil {
		return Block{}, err
	}
	out := make([]byte, 0, len(parts[0].Data)+len(parts[1].Data)+len(parts[2].Data))
	err = t.Stream(env, parts, func(b []byte) error {
		out = append(out, b...)
		return nil
	})
	return Block{Shape: shape, Size: parts[0].Size, Data: out}, err
}

func (t interleaveQKV) Stream(env Env, parts []Block, yield func([]byte) error) error {
	if _, err := t.Shape(env, shapesOf(parts)); err != nil {
		return err
	}
	q, k, v := parts[0], parts[1], parts[2]
	head := env.HeadDim * q.rowBytes()
	r := q.Shape[0] / k.Shape[0]
	for g := range k.Shape[0] / env.HeadDim {
		for _, b := range [][]byte{q.Data[g*r*head : (g+1)*r*head], k.Data[g*head : (g+1)*head], v.Data[g*head : (g+1)*head]} {
			if err := yield(b); err != nil {
				return err
			}
		}
	}
	return nil
}

func shapesOf(parts []Block) [][]int {
	var out [][]int
	for _, p := range parts {
		out = append(out, p.Shape)
	}
	return out
}

func (t interleaveQKV) Inverse(env Env, whole Block, shapes [][]int, k int) (Block, error) {
	want, err := t.Shape(env, shapes)
	if err != nil {
		return Block{}, err
	}
	if !slices.Equal(want, whole.Shape) {
		return Block{}, fmt.Errorf("stored shape %v, want %v", whole.Shape, want)
	}
	head := env.HeadDim * whole.rowBytes()
	r := shapes[0][0] / shapes[1][0]
	from, to := 0, r // heads of the part in each group of r+2
	if k > 0 {
		from, to = r+k-1, r+k
	}
	out := make([]byte, 0, shapes[k][0]*whole.rowBytes())
	for g := range shapes[1][0] / env.HeadDim {
		at := g * (r + 2) * head
		out = append(out, whole.Data[at+from*head:at+to*head]...)
	}
	return Block{Shape: shapes[k], Size: whole.Size, Data: out}, nil
}
