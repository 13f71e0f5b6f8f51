package convert

import (
	"fmt"
	"slices"
)

// Block is a tensor at hand: contiguous elements of any type.
type Block struct {
	Shape []int
	Size  int // bytes an element
	Data  []byte
}

// rowBytes is the number of bytes of one entry of the first axis.
func (b Block) rowBytes() int {
	n := b.Size
	for _, d := range b.Shape[1:] {
		n *= d
	}
	return n
}

// rows is a view of rows from up to to.
func (b Block) rows(from, to int) Block {
	w := b.rowBytes()
	shape := slices.Clone(b.Shape)
	shape[0] = to - from
	return Block{Shape: shape, Size: b.Size, Data: b.Data[from*w : to*w]}
}

// columns copies entries from up to to of the second axis.
func (b Block) columns(from, to int) Block {
	inner := b.Size
	for _, d := range b.Shape[2:] {
		inner *= d
	}
	shape := slices.Clone(b.Shape)
	shape[1] = to - from
	width, part := b.Shape[1]*inner, (to-from)*inner
	out := make([]byte, 0, b.Shape[0]*part)
	for r := range b.Shape[0] {
		at := r*width + from*inner
		out = append(out, b.Data[at:at+part]...)
	}
	return Block{Shape: shape, Size: b.Size, Data: out}
}

// joinRows stacks blocks along the first axis.
func joinRows(parts []Block) Block {
	if len(parts) == 1 {
		return parts[0]
	}
	n, total := 0, 0
	for _, p := range parts {
		n += p.Shape[0]
		total += len(p.Data)
	}
	shape := slices.Clone(parts[0].Shape)
	shape[0] = n
	out := make([]byte, 0, total)
	for _, p := range parts {
		out = append(out, p.Data...)
	}
	return Block{Shape: shape, Size: parts[0].Size, Data: out}
}

// joinColumns puts blocks side by side along the second axis.
func joinColumns(parts []Block) Block {
	if len(parts) == 1 {
		return parts[0]
	}
	n, total := 0, 0
	for _, p := range parts {
		n += p.Shape[1]
		total += len(p.Data)
	}
	shape := slices.Clone(parts[0].Shape)
	shape[1] = n
	out := make([]byte, 0, total)
	for r := range shape[0] {
		for _, p := range parts {
			w := p.rowBytes()
			out = append(out, p.Data[r*w:(r+1)*w]...)
		}
	}
	return Block{Shape: shape, Size: parts[0].Size, Data: out}
}

// Env are the sizes that packings depend on and that shapes do not tell.
type Env struct{ HeadDim int }

// Transform packs canonical tensors into a stored one. Parts and whole may be tensor-parallel shards.
type Transform interface {
	Name() string
	// Shape is the stored shape for the canonical shapes, or an error when they do not fit.
	Shape(env Env, parts [][]int) ([]int, error)
	Forward(env Env, parts []Block) (Block, error)
	// Inverse is part number k of the canonical tensors, whose shapes are given.
	Inverse(env Env, whole Block, shapes [][]int, k int) (Block, error)
}

// streamer is a Transform whose result is its parts' bytes in another order, so that it need not be in memory as a whole.
type streamer interface {
	// Stream gives the result's bytes, stretch by stretch.
	Stream(env Env, parts []Block, yield func([]byte) error) error
}

// chain is the transforms of a rule in the order of packing; an empty one is a copy.
type chain []Transform

func (c chain) shape(env Env, parts [][]int) ([]int, error) {
	for _, t := range c {
		out, err := t.Shape(env, parts)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name(), err)
		}
		parts = [][]int{out}
	}
	return parts[0], nil
}

func (c chain) forward(env Env, parts []Block) (Block, error) {
	for _, t := range c {
		out, err := t.Forward(env, parts)
		if err != nil {
			return Block{}, fmt.Errorf("%s: %w", t.Name(), err)
		}
		parts = []Block{out}
	}
	return parts[0], nil
}

// stacks says whether forward does no more than to put parts one below the other.
func (c chain) stacks() bool { return len(c) == 0 || len(c) == 1 && c[0] == Transform(stack{}) }

// stream gives the bytes of what forward makes, without holding them where that can be had.
func (c chain) stream(env Env, parts []Block, yield func([]byte) error) error {
	if len(c) == 1 {
		if s, ok := c[0].(streamer); ok {
			return s.Stream(env, parts, yield)
		}
	}
	out, err := c.forward(env, parts)
	if err != nil {
		return err
	}
	return yield(out.Data)
}

func (c chain) inverse(env Env, whole Block, shapes [][]int, k int) (Block, error) {
	// steps[i] are the shapes that go into transform i.
	steps := [][][]int{shapes}
	for _, t := range c {
		out, err := t.Shape(env, steps[len(steps)-1])
		if err != nil {
			return Block{}, fmt.Errorf("%s: %w", t.Name(), err)
		}
		steps = append(steps, [][]int{out})
	}
	for i := len(c) - 1; i >= 0; i-- {
		part := 0
		if i == 0 {
			part = k
		}
		var err error
		if whole, err = c[i].Inverse(env, whole, steps[i], part); err != nil {
			return Block{}, fmt.Errorf("%s: %w", c[i].Name(), err)
		}
	}
	return whole, nil
}
