package lsp

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/lsp/internal/outline"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/param"
)

// Bounds on the files that one request looks at.
const (
	maxFiles = 100
	maxSubs  = 4 // recipes used by recipes used by ...
)

// project is a recipe with the files it extends, by their outlines: it is there however broken the text is.
type project struct {
	s     *Server
	files []*source // the recipe itself, then what it extends; what stands earlier wins
	depth int
}

func (s *Server) project(own *source) *project {
	p := &project{s: s}
	p.add(own)
	return p
}

// add appends a file and what it extends. Of several in one list the last wins.
func (p *project) add(src *source) {
	if src == nil || len(p.files) >= maxFiles || slices.ContainsFunc(p.files, func(f *source) bool { return f.uri == src.uri }) {
		return
	}
	p.files = append(p.files, src)
	paths := extended(src)
	for i := len(paths) - 1; i >= 0; i-- {
		p.add(p.s.load(paths[i]))
	}
}

// ours says whether the file is one that this server is for: a recipe, a part of an open one, or a workspace file.
func (p *project) ours() bool {
	own := p.files[0]
	return own.recipe() || own.settings() || slices.ContainsFunc(p.s.open(), func(d *document) bool {
		return d.recipe() && slices.ContainsFunc(p.s.project(d.source).files, func(f *source) bool { return f.uri == own.uri })
	})
}

// extended are the files that the `extends` of a source names.
func extended(src *source) []string {
	var paths []string
	for _, n := range scalars(src.outline().Follow("extends")) {
		if path := src.beside(n.Text); path != "" {
			paths = append(paths, path)
		}
	}
	return paths
}

// scalars are a value or the items of a list, as far as they are words.
func scalars(n *outline.Node) []*outline.Node {
	switch {
	case n == nil:
		return nil
	case n.Kind == outline.List:
		return slices.DeleteFunc(slices.Clone(n.Items), func(i *outline.Node) bool { return i.Kind != outline.Scalar })
	case n.Kind == outline.Scalar:
		return []*outline.Node{n}
	}
	return nil
}

// beside is a path that is written in the source, seen from its folder; "" when that is not known.
func (s *source) beside(path string) string {
	switch {
	case path == "" || strings.Contains(path, "${") || strings.Contains(path, "://"):
		return ""
	case filepath.IsAbs(path):
		return filepath.Clean(path)
	case s.path == "":
		return ""
	}
	return filepath.Join(filepath.Dir(s.path), path)
}

// found is a pair and the file that it stands in.
type found struct {
	*source
	*outline.Pair
}

// all are the pairs at a path of keys, the one that wins first.
func (p *project) all(path ...string) []found {
	var out []found
	for _, f := range p.files {
		n := f.outline().Follow(path[:len(path)-1]...)
		if q := n.Find(path[len(path)-1]); q != nil {
			out = append(out, found{f, q})
		}
	}
	return out
}

// value is the node at a path of keys in the file that wins; nil when no file has one.
func (p *project) value(path ...string) *outline.Node {
	for _, f := range p.all(path...) {
		if f.Value.Kind != outline.Empty {
			return f.Value
		}
	}
	return nil
}

// word is the text at a path of keys, "" when there is none.
func (p *project) word(path ...string) string {
	if n := p.value(path...); n != nil && n.Kind == outline.Scalar {
		return n.Text
	}
	return ""
}

// names are the keys of the maps at a path, in the order in which they first stand, extended files first.
func (p *project) names(path ...string) []string {
	var out []string
	seen := map[string]bool{}
	for i := len(p.files) - 1; i >= 0; i-- {
		n := p.files[i].outline().Follow(path...)
		if n == nil {
			continue
		}
		for _, q := range n.Pairs {
			if !seen[q.Key] && q.Colon >= 0 {
				seen[q.Key] = true
				out = append(out, q.Key)
			}
		}
	}
	return out
}

func (p *project) stages() []string { return p.names("stages") }

func (p *project) isStage(name string) bool { return len(p.all("stages", name)) > 0 }

// env are the variables that the recipe lists.
func (p *project) env() []string {
	var out []string
	for _, f := range p.all("env") {
		for _, n := range scalars(f.Value) {
			out = append(out, n.Text)
		}
		for _, q := range f.Value.Pairs {
			out = append(out, q.Key)
		}
	}
	return out
}

// axis is what an axis is written as, nil where only include names it.
func (p *project) axis(stage, name string) *outline.Node {
	if n := p.value("stages", stage, "matrix", name); n != nil {
		return n
	}
	return p.value("stages", stage, "matrix", "zip", name)
}

// axes are the axes of a stage's matrix and the stage that writes them: `matrix: "${other.matrix}"` takes over another's.
func (p *project) axes(stage string) (owner string, names []string) {
	for range maxFiles {
		m := p.value("stages", stage, "matrix")
		if m == nil {
			return stage, nil
		}
		if m.Kind == outline.Map {
			for _, q := range m.Pairs {
				switch q.Key {
				case "exclude":
				case "zip":
					for _, axis := range q.Value.Pairs {
						names = append(names, axis.Key)
					}
				case "include":
					for _, item := range q.Value.Items {
						for _, axis := range item.Pairs {
							if !slices.Contains(names, axis.Key) {
								names = append(names, axis.Key)
							}
						}
					}
				default:
					if !slices.Contains(names, q.Key) {
						names = append(names, q.Key)
					}
				}
			}
			return stage, names
		}
		next := ""
		for _, x := range expressions(m, false) {
			for _, u := range scan(x.source).uses {
				if n := u.names(); len(n) == 2 && n[1] == "matrix" {
					next = n[0]
				}
			}
		}
		if next == "" {
			return stage, nil
		}
		stage = next
	}
	return stage, nil
}

// kind is a stage kind.
type kind struct {
	stage  engine.Stage
	spec   engine.Spec
	schema param.Schema
}

// kind is what a stage uses: one of the registry, or nil.
func (p *project) kind(stage string) *kind { return p.s.kinds[p.word("stages", stage, "uses")] }

// sub is the recipe that a stage uses; nil when it uses a kind.
func (p *project) sub(stage string) *project {
	uses := p.word("stages", stage, "uses")
	if !compile.IsRecipe(uses) || p.depth >= maxSubs {
		return nil
	}
	for _, f := range p.all("stages", stage) {
		if q := f.Value.Find("uses"); q != nil && q.Value.Text == uses {
			if src := p.s.load(f.beside(uses)); src != nil {
				sub := p.s.project(src)
				sub.depth = p.depth + 1
				return sub
			}
		}
	}
	return nil
}

// fields are the parameters that a stage takes.
func (p *project) fields(stage string) []param.Field {
	if k := p.kind(stage); k != nil {
		return k.schema.Fields
	}
	sub := p.sub(stage)
	if sub == nil {
		return nil
	}
	var out []param.Field
	for _, name := range sub.names("params") {
		out = append(out, sub.param(name))
	}
	return out
}

// ports are what a stage gives. Those of a recipe used as a stage are its outputs.
func (p *project) ports(stage string) []artifact.Port {
	if sub := p.sub(stage); sub != nil {
		var out []artifact.Port
		for _, name := range sub.names("outputs") {
			out = append(out, artifact.Port{Name: name, Kind: sub.kindOf(sub.value("outputs", name))})
		}
		return out
	}
	k := p.kind(stage)
	if k == nil {
		return nil
	}
	if shaped, ok := k.stage.(engine.Shaper); ok {
		with := map[string]any{}
		for i := len(p.files) - 1; i >= 0; i-- {
			if n := p.files[i].outline().Follow("stages", stage, "with"); n != nil {
				m, _ := plainValue(n).(map[string]any)
				for key, v := range m {
					with[key] = v
				}
			}
		}
		values, _ := k.schema.Normalize(with)
		if ports, err := shaped.Outputs(values); err == nil {
			return ports
		}
	}
	return k.spec.Outputs
}

// kindOf is the artifact kind of a text that is a reference to a port.
func (p *project) kindOf(n *outline.Node) artifact.Kind {
	if n == nil {
		return artifact.Unspecified
	}
	for _, x := range expressions(n, false) {
		for _, u := range scan(x.source).uses {
			if port, ok := p.port(u.names()); ok {
				return port.Kind
			}
		}
	}
	return artifact.Unspecified
}

// port finds what base.model or sft['seed=1'].checkpoint names.
func (p *project) port(names []string) (artifact.Port, bool) {
	if len(names) < 2 {
		return artifact.Port{}, false
	}
	name := names[1]
	if len(names) > 2 && strings.Contains(name, "=") {
		name = names[2]
	}
	for _, port := range p.ports(names[0]) {
		if port.Name == name {
			return port, true
		}
	}
	return artifact.Port{}, false
}

// layoutFields are those of the recipe's parallel block.
func layoutFields() []param.Field { return compile.LayoutSchema().Fields }
