package corpus

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Merge writes the sequences and documents of all inputs, in order, under prefix. All must hold ids
// of one type.
func Merge(prefix string, inputs []string) (w *Writer, err error) {
	if len(inputs) == 0 {
		return nil, fmt.Errorf("merge into %s: no inputs", prefix)
	}
	for _, in := range inputs {
		if w, err = appendIndex(w, prefix, in); err != nil {
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

func appendIndex(w *Writer, prefix, in string) (*Writer, error) {
	x, err := Open(in)
	if err != nil {
		return w, err
	}
	defer x.Close()
	if w == nil {
		if w, err = Create(prefix, x.dtype); err != nil {
			return nil, err
		}
	}
	if w.dtype != x.dtype {
		return w, fmt.Errorf("%s holds %s, the first input %s", in, x.dtype, w.dtype)
	}
	var ids []int32
	for d := range x.Documents() {
		from, to := x.Document(d)
		for s := from; s < to; s++ {
			if ids, err = x.Append(ids[:0], s); err != nil {
				return w, err
			}
			if err := w.Add(ids); err != nil {
				return w, err
			}
		}
		w.EndDocument()
	}
	return w, nil
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
