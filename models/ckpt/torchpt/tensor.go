package torchpt

import (
	"fmt"
	"math"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
)

// Tensor is a tensor of a file, or one to be written. Reading gives its elements on demand.
type Tensor struct {
	DType dtype.DType
	Shape []int

	load func() ([]byte, error) // a tensor made for writing

	store  *storage // a tensor of a file
	offset int      // elements before the first
	stride []int    // elements between neighbours along each axis
}

// NewTensor describes a tensor to be written. load gives its contiguous little-endian elements; it may
// be nil when the Writer's Put gives them.
func NewTensor(d dtype.DType, shape []int, load func() ([]byte, error)) *Tensor {
	return &Tensor{DType: d, Shape: shape, load: load}
}

// Info describes the tensor under a name.
func (t *Tensor) Info(name string) ckpt.Info {
	return ckpt.Info{Name: name, DType: t.DType, Shape: t.Shape}
}

// Size is the number of bytes of the contiguous elements.
func (t *Tensor) Size() int64 { return t.Info("").Size() }

// Bytes are the elements, contiguous. The slice is read-only and may look into the memory map.
func (t *Tensor) Bytes() ([]byte, error) {
	if t.load != nil {
		return t.load()
	}
	if t.store == nil {
		return nil, fmt.Errorf("read tensor: it has no elements")
	}
	raw, err := t.store.bytes()
	if err != nil {
		return nil, err
	}
	size := t.DType.Size()
	n := t.Info("").Len()
	if n == 0 {
		return nil, nil
	}
	if t.contiguous() {
		return raw[t.offset*size : (t.offset+n)*size], nil
	}
	out := make([]byte, n*size)
	gather(out, raw[t.offset*size:], t.Shape, t.stride, size)
	return out, nil
}

func (t *Tensor) contiguous() bool {
	want := 1
	for i := len(t.Shape) - 1; i >= 0; i-- {
		if t.Shape[i] != 1 && t.stride[i] != want {
			return false
		}
		want *= t.Shape[i]
	}
	return true
}

// gather copies a strided view into contiguous rows and returns what is left of out.
func gather(out, raw []byte, shape, stride []int, size int) []byte {
	if len(shape) == 0 {
		copy(out[:size], raw)
		return out[size:]
	}
	if len(shape) == 1 && stride[0] == 1 {
		n := shape[0] * size
		copy(out[:n], raw[:n])
		return out[n:]
	}
	for i := range shape[0] {
		out = gather(out, raw[i*stride[0]*size:], shape[1:], stride[1:], size)
	}
	return out
}

// maxRank is more dimensions than PyTorch allows, and maxExpand the number of elements that a view may
// have when it repeats its storage (stride 0).
const (
	maxRank   = 64
	maxExpand = 1 << 20
)

// view makes a tensor over a storage after checking that every element lies inside it.
func view(s *storage, d dtype.DType, offset, shape, stride any) (*Tensor, error) {
	off, ok := offset.(int64)
	if !ok || off < 0 {
		return nil, fmt.Errorf("storage offset %v", offset)
	}
	dims, err := dimensions(shape)
	if err != nil {
		return nil, fmt.Errorf("shape: %w", err)
	}
	steps, err := dimensions(stride)
	if err != nil {
		return nil, fmt.Errorf("stride: %w", err)
	}
	if len(dims) != len(steps) {
		return nil, fmt.Errorf("shape %v with stride %v", dims, steps)
	}
	size := int64(d.Size())
	limit := s.size / size // elements that the storage holds
	n, last := int64(1), off
	for i := range dims {
		d, st := int64(dims[i]), int64(steps[i])
		if d == 0 {
			n = 0
			break
		}
		if n > math.MaxInt64/16/d || (st > 0 && d-1 > (limit-last)/st) {
			return nil, fmt.Errorf("shape %v with stride %v and offset %d reaches beyond the %d elements of storage %q", dims, steps, off, limit, s.key)
		}
		n *= d
		last += (d - 1) * st
	}
	if n > 0 && last >= limit {
		return nil, fmt.Errorf("shape %v with stride %v and offset %d reaches beyond the %d elements of storage %q", dims, steps, off, limit, s.key)
	}
	if n > limit && n > maxExpand {
		return nil, fmt.Errorf("shape %v repeats the %d elements of storage %q into %d", dims, limit, s.key, n)
	}
	return &Tensor{DType: d, Shape: dims, store: s, offset: int(off), stride: steps}, nil
}

func dimensions(v any) ([]int, error) {
	t, ok := v.(Tuple)
	if !ok {
		if o, isObj := v.(*Object); isObj && o.Class == (Global{"torch", "Size"}) && len(o.Args) == 1 {
			t, ok = o.Args[0].(Tuple)
		}
		if !ok {
			return nil, fmt.Errorf("%T is not a tuple", v)
		}
	}
	if len(t) > maxRank {
		return nil, fmt.Errorf("%d dimensions, more than %d", len(t), maxRank)
	}
	out := make([]int, len(t))
	for i, x := range t {
		n, ok := x.(int64)
		if !ok || n < 0 || int64(int(n)) != n {
			return nil, fmt.Errorf("dimension %v", x)
		}
		out[i] = int(n)
	}
	return out, nil
}
