package corpus

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Merge writes the sequences and documents of all inputs, in order, under prefix. All must hold ids
// of one type, and modes all or none.
func Merge(ctx context.Context, prefix string, inputs []string) (w *Writer, err error) {
	if len(inputs) == 0 {
		return nil, fmt.Errorf("merge into %s: no inputs", prefix)
	}
	for _, in := range inputs {
		if w, err = appendIndex(ctx, w, prefix, in); err != nil {
			break
		}
	}
	if w != nil {
		defer w.Abort()
	}
	if err != nil {
		return nil, fmt.Errorf("merge into %s: %w", prefix, err)
	}
	return w, w.Close()
}

func appendIndex(ctx context.Context, w *Writer, prefix, in string) (*Writer, error) {
	x, err := Open(in)
	if err != nil {
		return w, err
	}
	defer x.Close()
	if w == nil {
		if w, err = CreateLike(prefix, x); err != nil {
			return nil, err
		}
	}
	return w, w.AddDocuments(ctx, x, 0, x.Documents())
}

// CreateLike opens a writer for what an index holds.
func CreateLike(prefix string, x *Index) (*Writer, error) {
	return New(prefix, Options{DType: x.dtype, Multimodal: x.Multimodal()})
}

// copyCheck is how many bytes are copied between two looks at the context.
const copyCheck = 16 << 20

// AddDocuments appends documents [from, to) of an index of the same type, ids as they are stored.
func (w *Writer) AddDocuments(ctx context.Context, x *Index, from, to int) error {
	if w.o.DType != x.dtype {
		return fmt.Errorf("%s holds %s, the first input %s", x.prefix, x.dtype, w.o.DType)
	}
	if w.o.Multimodal != x.Multimodal() {
		return fmt.Errorf("%s: modes of multimodal data %v, in the first input %v", x.prefix, x.Multimodal(), w.o.Multimodal)
	}
	since := 0
	for d := from; d < to; d++ {
		first, end := x.Document(d)
		for s := first; s < end; s++ {
			raw, err := x.raw(s)
			if err != nil {
				return err
			}
			if err := w.addRaw(raw, x.Mode(s)); err != nil {
				return err
			}
			since += len(raw) + 12
		}
		w.EndDocument()
		if since += 8; since >= copyCheck {
			if err := ctx.Err(); err != nil {
				return err
			}
			since = 0
		}
	}
	return ctx.Err()
}

// Prefixes lists the indexes in a folder whose names contain key, in name order. A .bin or .idx
// without its other half is an error.
func Prefixes(dir, key string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list token indexes: %w", err)
	}
	halves := map[string]int{}
	for _, e := range entries {
		for bit, ext := range []string{".bin", ".idx"} {
			if stem, ok := strings.CutSuffix(e.Name(), ext); ok && strings.Contains(stem, key) && !strings.HasPrefix(stem, ".") {
				halves[stem] |= 1 << bit
			}
		}
	}
	var out []string
	for stem, have := range halves {
		if have != 3 {
			missing := map[int]string{1: ".idx", 2: ".bin"}[have]
			return nil, fmt.Errorf("list token indexes in %s: %s%s is missing", dir, stem, missing)
		}
		out = append(out, filepath.Join(dir, stem))
	}
	sort.Strings(out)
	return out, nil
}
