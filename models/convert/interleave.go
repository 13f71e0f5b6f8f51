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
	shape, err := t.Shape(env, [][]int{parts[0].Shape, parts[1].Shape, parts[2].Shape})
	if err != nil {
		return Block{}, err
	}
	q, k, v := parts[0], parts[1], parts[2]
	head := env.HeadDim * q.rowBytes()
	r := q.Shape[0] / k.Shape[0]
	out := make([]byte, 0, len(q.Data)+len(k.Data)+len(v.Data))
	for g := range k.Shape[0] / env.HeadDim {
		out = append(out, q.Data[g*r*head:(g+1)*r*head]...)
		out = append(out, k.Data[g*head:(g+1)*head]...)
		out = append(out, v.Data[g*head:(g+1)*head]...)
	}
	return Block{Shape: shape, Size: q.Size, Data: out}, nil
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
