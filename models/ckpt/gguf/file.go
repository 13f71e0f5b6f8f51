package gguf

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/mapped"
)

// Magic begins every file.
const Magic = "GGUF"

// maxDims is what ggml's tensors have at most.
const maxDims = 4

// tensor is a row of the file's table.
type tensor struct {
	ckpt.Info
	kind  kind
	begin int64 // in the file
	size  int64
}

// File is an open model file. It implements ckpt.Source and is safe for concurrent use.
type File struct {
	m       *mapped.File
	meta    map[string]any
	tensors []tensor
	index   map[string]int
}

// Open maps path and checks its header and tables.
func Open(path string) (*File, error) {
	m, err := mapped.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open gguf: %w", err)
	}
	f, err := open(m)
	if err != nil {
		m.Close()
		return nil, err
	}
	return f, nil
}

func open(m *mapped.File) (*File, error) {
	r := &reader{m: m}
	f := &File{m: m, meta: map[string]any{}, index: map[string]int{}}
	if magic := string(r.take(4)); r.err == nil && magic != Magic {
		return nil, r.fail(0, "the file begins with %q, not with %q", magic, Magic)
	}
	if v := r.u32(); r.err == nil && v != 2 && v != 3 {
		return nil, r.fail(4, "version %d, want 2 or 3 (little-endian)", v)
	}
	tensors, pairs := r.u64(), r.u64()
	// A pair has a name's length, a type and a value; a tensor a name's length, its dimensions' count, a type and a place.
	if err := r.room(pairs, 8+4+1, "metadata pairs"); err != nil {
		return nil, err
	}
	if err := r.room(tensors, 8+4+4+8, "tensors"); err != nil {
		return nil, err
	}
	for range pairs {
		at := r.at
		name := r.text()
		v := r.value(r.u32())
		if r.err != nil {
			return nil, r.err
		}
		if _, twice := f.meta[name]; twice {
			return nil, r.fail(at, "metadata %q is there twice", name)
		}
		f.meta[name] = v
	}
	for range tensors {
		if err := f.tensor(r); err != nil {
			return nil, err
		}
	}
	return f, f.place(r)
}

// tensor reads a row of the table.
func (f *File) tensor(r *reader) error {
	at := r.at
	t := tensor{Info: ckpt.Info{Name: r.text()}}
	dims := r.u32()
	if r.err == nil && (dims == 0 || dims > maxDims) {
		return r.fail(at, "tensor %q has %d dimensions, want 1 to %d", t.Name, dims, maxDims)
	}
	elements := uint64(1)
	for range dims {
		n := r.u64()
		if n == 0 || n > math.MaxInt32 || elements > math.MaxInt64/64/n {
			if r.err == nil {
				return r.fail(at, "tensor %q has a dimension of %d", t.Name, n)
			}
			return r.err
		}
		elements *= n
		t.Shape = append(t.Shape, int(n))
	}
	id := r.u32()
	t.begin = int64(r.u64())
	if r.err != nil {
		return r.err
	}
	var err error
	if t.kind, err = kindOf(id); err != nil {
		return r.fail(at, "tensor %q: %v", t.Name, err)
	}
	if row := t.Shape[0]; row%t.kind.block != 0 {
		return r.fail(at, "tensor %q: rows of %d are not whole blocks of %d (%s)", t.Name, row, t.kind.block, t.kind.name)
	}
	slices.Reverse(t.Shape)
	t.DType, t.size = t.kind.as, int64(elements)/int64(t.kind.block)*int64(t.kind.bytes)
	if _, twice := f.index[t.Name]; twice {
		return r.fail(at, "tensor %q is there twice", t.Name)
	}
	f.index[t.Name] = len(f.tensors)
	f.tensors = append(f.tensors, t)
	return nil
}

// place turns the tensors' offsets into places in the file and checks that they lie in it, apart from each other.
func (f *File) place(r *reader) error {
	align := int64(32)
	if v, ok := f.meta["general.alignment"]; ok {
		n, isInt := v.(int64)
		if !isInt || n < 1 || n > 1<<20 {
			return r.fail(0, "general.alignment is %v", v)
		}
		align = n
	}
	base := (r.at + align - 1) / align * align
	for i := range f.tensors {
		t := &f.tensors[i]
		if t.begin < 0 || t.begin%align != 0 {
			return r.fail(r.at, "tensor %q begins at %d, which is no multiple of %d", t.Name, t.begin, align)
		}
		if room := f.m.Size() - base; t.begin > room || t.size > room-t.begin {
			return r.fail(r.at, "tensor %q ends at data byte %d, but the file holds %d data bytes: is it truncated?", t.Name, t.begin+t.size, max(room, 0))
		}
		t.begin += base
	}
	order := slices.SortedFunc(slices.Values(f.tensors), func(a, b tensor) int { return int(min(max(a.begin-b.begin, -1), 1)) })
	for i := 1; i < len(order); i++ {
		if before := order[i-1]; before.begin+before.size > order[i].begin {
			return r.fail(r.at, "tensor %q begins inside tensor %q", order[i].Name, before.Name)
		}
	}
	return nil
}

// List describes every tensor, in the order of the table. Quantised ones are listed as what Bytes gives.
func (f *File) List() []ckpt.Info {
	out := make([]ckpt.Info, len(f.tensors))
	for i, t := range f.tensors {
		out[i] = t.Info
	}
	return out
}

// Bytes is a tensor's elements: a view of the file, or the numbers of a quantised tensor as F32.
func (f *File) Bytes(name string) ([]byte, error) {
	i, ok := f.index[name]
	if !ok {
		return nil, fmt.Errorf("read %s: no tensor %q", f.m.Path(), name)
	}
	t := f.tensors[i]
	raw, err := f.m.Range(t.begin, t.size)
	if err != nil || t.kind.decode == nil {
		return raw, err
	}
	out := make([]byte, t.Size())
	for n := range len(raw) / t.kind.bytes {
		t.kind.decode(out[n*t.kind.block*4:], raw[n*t.kind.bytes:])
	}
	return out, nil
}

// Stored is how the file stores a tensor: "Q4_K".
func (f *File) Stored(name string) string {
	if i, ok := f.index[name]; ok {
		return f.tensors[i].kind.name
	}
	return ""
}

// Value is a value of the metadata: an int64, float64, bool, string or Array; uint64 where it is beyond an int64.
func (f *File) Value(name string) (any, bool) {
	v, ok := f.meta[name]
	return v, ok
}

// Names are the names of the metadata, sorted.
func (f *File) Names() []string { return slices.Sorted(maps.Keys(f.meta)) }

// Close unmaps the file; slices that Bytes gave are invalid afterwards.
func (f *File) Close() error { return f.m.Close() }

// kind is an element type of ggml.
type kind struct {
	name   string
	as     dtype.DType
	block  int // elements that are stored together
	bytes  int // of a block
	decode func(dst, src []byte)
}

// kindOf finds a type by ggml's number.
func kindOf(id uint32) (kind, error) {
	switch id {
	case 0:
		return kind{name: "F32", as: dtype.F32, block: 1, bytes: 4}, nil
	case 1:
		return kind{name: "F16", as: dtype.F16, block: 1, bytes: 2}, nil
	case 30:
		return kind{name: "BF16", as: dtype.BF16, block: 1, bytes: 2}, nil
	case 8:
		return kind{"Q8_0", dtype.F32, 32, 34, q80}, nil
	case 12:
		return kind{"Q4_K", dtype.F32, superBlock, 144, q4k}, nil
	case 14:
		return kind{"Q6_K", dtype.F32, superBlock, 210, q6k}, nil
	}
	other := map[uint32]string{
		2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 13: "Q5_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS",
		18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
	}
	name := other[id]
	if name == "" {
		name = fmt.Sprint("number ", id)
	}
	return kind{}, fmt.Errorf("element type %s is not read: %s are (requantise with llama-quantize, to Q8_0 or F16)", name, strings.Join([]string{"F32", "F16", "BF16", "Q8_0", "Q4_K", "Q6_K"}, ", "))
}
