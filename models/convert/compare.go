package convert

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/megatron"
)

// Comparison is the outcome of Compare.
type Comparison struct {
	Names   string       `json:"names"` // "canonical", or "stored" when files or unknown models are compared
	Equal   bool         `json:"equal"` // same names, shapes, types and elements
	OnlyA   []string     `json:"only_a,omitempty"`
	OnlyB   []string     `json:"only_b,omitempty"`
	Tensors []Difference `json:"tensors"`
	MaxAbs  float64      `json:"max_abs"` // over all tensors
	MaxRel  float64      `json:"max_rel"`
	Notes   []string     `json:"notes,omitempty"`
}

// Difference is how a tensor of both checkpoints differs.
type Difference struct {
	Name   string  `json:"name"`
	DTypeA string  `json:"dtype_a"`
	DTypeB string  `json:"dtype_b"`
	ShapeA []int   `json:"shape_a"`
	ShapeB []int   `json:"shape_b"`
	Equal  bool    `json:"equal"`   // shape, type and every bit
	Count  int     `json:"count"`   // elements whose values differ
	MaxAbs float64 `json:"max_abs"` // largest |a-b|
	MaxRel float64 `json:"max_rel"` // largest |a-b| / max(|a|, |b|)
	NaN    int     `json:"nan"`     // elements that are a number in one only
}

// Compare compares two checkpoints, files or directories of any formats, tensor by tensor. Models are compared as
// canonical tensors, so that a Hugging Face model equals its Megatron conversion. Anything else, parts of models and
// LoRA weights, is compared by the names that it is stored under.
func Compare(ctx context.Context, a, b string, opt OpenOptions) (Comparison, error) {
	return CompareMatching(ctx, a, b, "", opt)
}

// CompareMatching compares the tensors whose names match a pattern as InspectOptions.Match does.
func CompareMatching(ctx context.Context, a, b, match string, opt OpenOptions) (Comparison, error) {
	var out Comparison
	x, y, err := out.open(a, b, opt)
	if err != nil {
		return out, fmt.Errorf("compare: %w", err)
	}
	defer x.Close()
	defer y.Close()
	listX, errX := matching(x.List(), match)
	listY, errY := matching(y.List(), match)
	if err := errors.Join(errX, errY); err != nil {
		return out, fmt.Errorf("compare: %w", err)
	}
	if match != "" && len(listX)+len(listY) == 0 {
		some := ""
		if all := append(x.List(), y.List()...); len(all) > 0 {
			some = ", such as " + all[0].Name
		}
		return out, fmt.Errorf("compare: no tensor of %s or %s is called %q: they have %s names%s", a, b, match, out.Names, some)
	}
	infos := map[string]ckpt.Info{}
	for _, i := range listY {
		infos[i.Name] = i
	}
	type both struct{ a, b ckpt.Info }
	var pairs []both
	for _, i := range listX {
		j, ok := infos[i.Name]
		if !ok {
			out.OnlyA = append(out.OnlyA, i.Name)
			continue
		}
		delete(infos, i.Name)
		pairs = append(pairs, both{i, j})
	}
	for _, i := range listY {
		if _, ok := infos[i.Name]; ok {
			out.OnlyB = append(out.OnlyB, i.Name)
		}
	}
	out.Tensors = make([]Difference, len(pairs))
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for k, p := range pairs {
		g.Go(func() error {
			if err := inner.Err(); err != nil {
				return err
			}
			d, err := difference(x, y, p.a, p.b)
			out.Tensors[k] = d
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return out, fmt.Errorf("compare: %w", err)
	}
	out.Equal = len(out.OnlyA)+len(out.OnlyB) == 0
	for _, d := range out.Tensors {
		out.Equal = out.Equal && d.Equal
		out.MaxAbs, out.MaxRel = max(out.MaxAbs, d.MaxAbs), max(out.MaxRel, d.MaxRel)
	}
	return out, nil
}

// open opens both sides under names that can be compared.
func (c *Comparison) open(a, b string, opt OpenOptions) (x, y ckpt.Source, err error) {
	if mayBeModel(a) && mayBeModel(b) {
		x, ma, errA := OpenCanonical(a, opt)
		y, mb, errB := OpenCanonical(b, opt)
		if errA == nil && errB == nil {
			c.Names = "canonical"
			// One side with its adapters merged, the other apart: merge both.
			if ma.LoRA != nil && mb.LoRA == nil {
				x, errA = c.merge(x, ma, a)
			} else if mb.LoRA != nil && ma.LoRA == nil {
				y, errB = c.merge(y, mb, b)
			}
			return x, y, errors.Join(errA, errB)
		}
		for _, s := range []ckpt.Source{x, y} {
			if s != nil {
				s.Close()
			}
		}
		if errA != nil {
			err = errA
		} else {
			err = errB
		}
		c.Notes = append(c.Notes, err.Error())
	}
	c.Names = "stored"
	if x, err = openStored(a); err != nil {
		return nil, nil, errors.Join(append([]error{err}, c.causes()...)...)
	}
	if y, err = openStored(b); err != nil {
		x.Close()
		return nil, nil, errors.Join(append([]error{err}, c.causes()...)...)
	}
	return x, y, nil
}

func (c *Comparison) causes() []error {
	var out []error
	for _, n := range c.Notes {
		out = append(out, errors.New(n))
	}
	return out
}

func (c *Comparison) merge(src ckpt.Source, meta Meta, path string) (ckpt.Source, error) {
	merged, err := MergeLoRA(src, meta, *meta.LoRA)
	if err != nil {
		return src, err
	}
	c.Notes = append(c.Notes, fmt.Sprintf("the LoRA weights of %s are merged", path))
	return merged, nil
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// mayBeModel says whether a path holds a whole model, as far as its form tells: files hold parts, but those of GGUF.
func mayBeModel(path string) bool {
	if isDir(path) {
		return !isPEFT(path)
	}
	file, err := ggufFile(path)
	return file != "" && err == nil
}

// openStored opens what a path holds under the names that it is stored by. Those of Megatron checkpoints begin with the
// rank and the chunk.
func openStored(path string) (ckpt.Source, error) {
	switch {
	case !isDir(path):
		src, _, err := OpenFile(path)
		return src, err
	case megatron.Is(path):
		return openRanks(path)
	case isPEFT(path):
		return openPEFTWeights(path)
	}
	return OpenWeights(path)
}

func openRanks(dir string) (ckpt.Source, error) {
	c, err := megatron.Open(dir)
	if err != nil {
		return nil, err
	}
	out := &computed{make: map[string]func() ([]byte, error){}, owned: c}
	err = eachChunk(c, func(where string, chunk *megatron.Chunk) error {
		for _, name := range chunk.Names {
			t := chunk.Tensors[name]
			i := t.Info(name)
			i.Name = where + " " + name
			out.add(i, t.Bytes)
		}
		return nil
	})
	if err != nil {
		c.Close()
		return nil, err
	}
	return out, nil
}

func difference(x, y ckpt.Source, a, b ckpt.Info) (Difference, error) {
	d := Difference{Name: a.Name, DTypeA: a.DType.String(), DTypeB: b.DType.String(), ShapeA: a.Shape, ShapeB: b.Shape}
	if !slices.Equal(a.Shape, b.Shape) {
		return d, nil
	}
	p, err := x.Bytes(a.Name)
	if err != nil {
		return d, err
	}
	q, err := y.Bytes(b.Name)
	if err != nil {
		return d, err
	}
	if a.DType == b.DType && bytes.Equal(p, q) {
		d.Equal = true
		return d, nil
	}
	for i := range a.Len() {
		u, v := number(p[i*a.DType.Size():], a.DType), number(q[i*b.DType.Size():], b.DType)
		if math.IsNaN(u) || math.IsNaN(v) {
			if math.IsNaN(u) != math.IsNaN(v) {
				d.NaN++
				d.Count++
			}
			continue
		}
		if u == v {
			continue
		}
		d.Count++
		abs := min(math.Abs(u-v), math.MaxFloat64) // JSON has no infinity
		d.MaxAbs = max(d.MaxAbs, abs)
		d.MaxRel = max(d.MaxRel, min(abs/min(max(math.Abs(u), math.Abs(v)), math.MaxFloat64), 2))
	}
	return d, nil
}

// number reads one element of any type.
func number(b []byte, d dtype.DType) float64 {
	le := binary.LittleEndian
	switch d {
	case dtype.F8E5M2:
		return float64(halfToFloat(uint16(b[0]) << 8))
	case dtype.F8E4M3:
		sign, exp, frac := 1.0, int(b[0]>>3&0xf), float64(b[0]&7)
		if b[0] >= 0x80 {
			sign = -1
		}
		switch {
		case b[0]&0x7f == 0x7f:
			return math.NaN()
		case exp == 0:
			return sign * math.Ldexp(frac/8, -6)
		}
		return sign * math.Ldexp(1+frac/8, exp-7)
	case dtype.I64:
		return float64(int64(le.Uint64(b)))
	case dtype.U64:
		return float64(le.Uint64(b))
	case dtype.I32:
		return float64(int32(le.Uint32(b)))
	case dtype.U32:
		return float64(le.Uint32(b))
	case dtype.I16:
		return float64(int16(le.Uint16(b)))
	case dtype.U16:
		return float64(le.Uint16(b))
	case dtype.I8:
		return float64(int8(b[0]))
	case dtype.U8, dtype.Bool:
		return float64(b[0])
	}
	return loadWide(b, d)
}
