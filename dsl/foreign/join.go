package foreign

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/param"
)

// settle notes which stages read what an earlier one wrote, before later ones are thought of: a script that converts
// there and another back again are no circle.
func (b *builder) settle(s *stage) {
	for _, in := range s.inputs() {
		for _, src := range in.set.sources() {
			for _, path := range []string{src.Over, src.Path} {
				if w, _, _ := b.writer(s, in.f, path, false); w != nil {
					s.reads = append(s.reads, w)
				}
			}
		}
	}
}

// input is an input field that is given, and the block of parameters that it stands in: the stage's, or an item of a
// list among them.
type input struct {
	f      *param.Field
	set    *Setting
	schema param.Schema
	with   map[string]any
}

// inputs are those of a stage, in the order of its schema.
func (s *stage) inputs() []input {
	var out []input
	for i := range s.schema.Fields {
		f := &s.schema.Fields[i]
		set := s.given[f.Name]
		switch {
		case set == nil:
		case f.Type.IsInput():
			out = append(out, input{f, set, s.schema, s.with})
		case len(set.Items) > 0:
			items, _ := s.with[f.Name].([]any)
			for k := range items {
				with, schema := items[k].(map[string]any), param.Schema{Fields: f.Elem.Fields}
				for n := range set.Items[k] {
					if inner, ok := schema.Lookup(set.Items[k][n].Field); ok && inner.Type.IsInput() {
						out = append(out, input{inner, &set.Items[k][n], schema, with})
					}
				}
			}
		}
	}
	return out
}

// sources are what an input reads.
func (set *Setting) sources() []Source {
	out := slices.Clone(set.From)
	for _, t := range set.Texts {
		out = append(out, Source{Path: t})
	}
	return out
}

// inputs gives a stage's input fields what they read: ports of other stages, or parameters for paths.
func (b *builder) inputs(s *stage) {
	for _, in := range s.inputs() {
		f, set := in.f, in.set
		if set.Open != "" {
			in.with[f.Name] = b.ask(s, f, set)
			continue
		}
		sources := set.sources()
		if len(sources) == 0 {
			s.left(set, fmt.Sprintf("%s wants a path, and none is given", f.Name))
			continue
		}
		if f.Type == param.Input && len(sources) > 1 {
			s.left(set, fmt.Sprintf("%s takes one path, %d are given", f.Name, len(sources)))
			continue
		}
		if set.Unwritten && slices.ContainsFunc(sources, func(src Source) bool {
			w, _, _ := b.writer(s, f, src.Path, true)
			return w != nil
		}) {
			continue
		}
		var values []any
		for _, src := range sources {
			values = append(values, b.read(s, in, src))
		}
		if set.Note != "" {
			s.notes[f.Name] = set.Note
		}
		if len(values) == 1 {
			in.with[f.Name] = values[0]
			continue
		}
		in.with[f.Name] = values
	}
}

// read is the expression for one thing that is read.
func (b *builder) read(s *stage, in input, src Source) expression {
	f, set := in.f, in.set
	for _, path := range []string{src.Over, src.Path} {
		if w, write, rest := b.writer(s, f, path, true); w != nil {
			s.reads = append(s.reads, w)
			if set.Index && len(indexes(w)) > 1 {
				b.nameIndex(s, in, filepath.Base(path))
			}
			return port(w, write.Port, rest)
		}
	}
	if src.Job != nil {
		w := b.byJob[src.Job]
		s.reads = append(s.reads, w)
		return port(w, src.Port, "")
	}
	path := src.Path
	said := path
	if set.Index && !strings.ContainsAny(path, " <>") { // those are words to be replaced by a path
		b.nameIndex(s, in, filepath.Base(path))
		path = filepath.Dir(path)
	}
	return b.path(f, set, path, said)
}

// indexes are the columns that a stage makes a token index of, where it says.
func indexes(s *stage) []any {
	keys, _ := s.with["json_keys"].([]any)
	return keys
}

// nameIndex says which index of a folder is meant; where the stage cannot be told, the name is left.
func (b *builder) nameIndex(s *stage, in input, name string) {
	f, ok := in.schema.Lookup("data_name")
	switch {
	case !ok:
		s.left(in.set, "of a folder the only index is read, whatever its name")
	case in.with[f.Name] == nil:
		in.with[f.Name] = name
	}
}

func port(s *stage, name, rest string) expression {
	e := "${" + s.name + "." + name + "}"
	if rest != "" {
		e += "/" + strings.ReplaceAll(rest, "${", "$${")
	}
	return expression(e)
}

// writer finds the stage that leaves a path behind: the nearest one before the reader, else, of later ones, the first behind
// it. What would close a circle, or gives something of a kind that the field does not take, is none.
func (b *builder) writer(reader *stage, f *param.Field, path string, later bool) (*stage, Write, string) {
	if path == "" {
		return nil, Write{}, ""
	}
	var best *stage
	var how Write
	var rest string
	self := slices.Index(b.stages, reader)
	for i, w := range b.stages {
		if w == reader || i > self && (best != nil || !later) {
			continue
		}
		for _, out := range w.Writes {
			under, ok := b.within(path, out)
			if ok && gives(w, out.Port, f, under) && !depends(w, reader) {
				best, how, rest = w, out, under
			}
		}
	}
	return best, how, rest
}

// within says whether a path is what was written, or lies below it.
func (b *builder) within(path string, w Write) (rest string, ok bool) {
	p, out := b.absolute(path), b.absolute(w.Path)
	switch {
	case p == out:
		return "", true
	case w.Index:
		return "", strings.HasPrefix(p, out+"_") && !strings.Contains(p[len(out):], "/")
	}
	rest, ok = strings.CutPrefix(p, strings.TrimSuffix(out, "/")+"/")
	return rest, ok
}

// gives says whether a stage's port is of a kind that a field takes.
func gives(s *stage, name string, f *param.Field, rest string) bool {
	ports := s.ports()
	i := slices.IndexFunc(ports, func(p artifact.Port) bool { return p.Name == name })
	if i < 0 {
		return false
	}
	return rest != "" || len(f.Kinds) == 0 || slices.ContainsFunc(f.Kinds, func(want artifact.Kind) bool { return artifact.Accepts(want, ports[i].Kind) })
}

// ports are a stage's outputs, as far as its values are known.
func (s *stage) ports() []artifact.Port {
	shaper, ok := s.kind.(engine.Shaper)
	if !ok {
		return s.kind.Describe().Outputs
	}
	values, _ := literals(s.with).(map[string]any)
	ports, err := shaper.Outputs(values)
	if err != nil {
		return nil // it depends on what the caller gives
	}
	return ports
}

// depends says whether a stage reads another, directly or not.
func depends(s, on *stage) bool {
	seen := map[*stage]bool{}
	var reaches func(s *stage) bool
	reaches = func(s *stage) bool {
		if seen[s] {
			return false
		}
		seen[s] = true
		return slices.ContainsFunc(s.reads, func(r *stage) bool { return r == on || reaches(r) })
	}
	return reaches(s)
}
