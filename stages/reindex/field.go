package reindex

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/stages/corpus"
)

// field is one field with its pieces in order.
type field struct {
	name      string // "_text_document"
	pieces    []*corpus.Index
	stems     []string // what the pieces' names begin with
	inputs    []int    // which input each is from
	documents int
}

// gather opens the indexes of the inputs and sorts them by field. Fields come in the order of their names.
func gather(inputs []artifact.Ref) (fields []*field, manifests []*corpus.Manifest, err error) {
	for i, in := range inputs {
		dir := in.Path
		prefixes := []string{strings.TrimSuffix(strings.TrimSuffix(in.Path, ".idx"), ".bin")}
		if info, err := os.Stat(in.Path); err == nil && info.IsDir() {
			if prefixes, err = corpus.Prefixes(in.Path, ""); err != nil {
				return fields, nil, err
			}
		} else {
			dir = filepath.Dir(in.Path)
			if !corpus.Exists(prefixes[0]) {
				return fields, nil, fmt.Errorf("%s is neither a folder of token indexes nor one of .bin and .idx", in.Label)
			}
		}
		if len(prefixes) == 0 {
			return fields, nil, fmt.Errorf("no .bin/.idx pair in %s", in.Label)
		}
		var m *corpus.Manifest
		if read, err := corpus.ReadManifest(dir); err == nil {
			m = &read
			manifests = append(manifests, m)
		} else if !errors.Is(err, os.ErrNotExist) {
			return fields, nil, err
		}
		for _, prefix := range prefixes {
			stem, name := cut(filepath.Base(prefix), m)
			at := slices.IndexFunc(fields, func(f *field) bool { return f.name == name })
			if at < 0 {
				at = len(fields)
				fields = append(fields, &field{name: name})
			}
			x, err := corpus.Open(prefix)
			if err != nil {
				return fields, nil, err
			}
			f := fields[at]
			f.pieces, f.stems, f.inputs = append(f.pieces, x), append(f.stems, stem), append(f.inputs, i)
			f.documents += x.Documents()
		}
	}
	slices.SortFunc(fields, func(a, b *field) int { return strings.Compare(a.name, b.name) })
	return fields, manifests, agree(fields)
}

// cut takes an index's name apart: a manifest knows the prefix; without one the field is what begins with _packed_, or
// the last two words.
func cut(name string, m *corpus.Manifest) (stem, field string) {
	if m != nil && m.Prefix != "" {
		if rest, ok := strings.CutPrefix(name, m.Prefix); ok {
			return m.Prefix, rest
		}
	}
	if at := strings.Index(name, "_packed_"); at >= 0 {
		return name[:at], name[at:]
	}
	if at := strings.LastIndexByte(name, '_'); at > 0 {
		if before := strings.LastIndexByte(name[:at], '_'); before >= 0 {
			at = before
		}
		return name[:at], name[at:]
	}
	return "", "_" + name
}

// agree checks that every input has the same fields, and that those of samples have pieces of the same names and sizes,
// since they are cut at the same places.
func agree(fields []*field) error {
	var sample *field
	for _, f := range fields {
		if first := fields[0]; !slices.Equal(f.inputs, first.inputs) {
			return fmt.Errorf("the inputs hold different fields: there are %d indexes of %s, %d of %s", len(first.pieces), first.name[1:], len(f.pieces), f.name[1:])
		}
		switch {
		case !strings.Contains(f.name, "_packed_"):
			continue
		case sample == nil:
			sample = f
			continue
		case !slices.Equal(f.stems, sample.stems):
			return fmt.Errorf("field %s has other pieces (%s) than field %s (%s)",
				f.name[1:], strings.Join(f.stems, ", "), sample.name[1:], strings.Join(sample.stems, ", "))
		}
		for i, x := range f.pieces {
			if have, want := x.Documents(), sample.pieces[i].Documents(); have != want {
				return fmt.Errorf("%s has %d documents, %s %d", x.Prefix(), have, sample.pieces[i].Prefix(), want)
			}
		}
	}
	return nil
}

func closeAll(fields []*field) error {
	var errs []error
	for _, f := range fields {
		for _, x := range f.pieces {
			errs = append(errs, x.Close())
		}
	}
	return errors.Join(errs...)
}

// write writes documents [from, to) of all pieces together.
func (f *field) write(ctx context.Context, prefix string, from, to int) (*corpus.Writer, error) {
	w, err := corpus.CreateLike(prefix, f.pieces[0])
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	for _, x := range f.pieces {
		n := x.Documents()
		if err := w.AddDocuments(ctx, x, min(max(from, 0), n), min(max(to, 0), n)); err != nil {
			return nil, err
		}
		from, to = from-n, to-n
	}
	return w, w.Close()
}
