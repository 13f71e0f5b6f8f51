package lsp

import (
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/dsl/lsp/internal/outline"
	"github.com/belay-ml/belay/dsl/lsp/internal/rpc"
	"github.com/belay-ml/belay/dsl/workspace"
)

// mentionAt is the symbol that an offset of the recipe names.
func (p *project) mentionAt(off int) (mention, bool) {
	var best mention
	ok := false
	for _, m := range p.mentions(p.files[0]) {
		if m.from <= off && off <= m.to && (!ok || m.to-m.from < best.to-best.from) {
			best, ok = m, true
		}
	}
	return best, ok
}

// definition is where what stands at an offset comes from: the declarations of a name, the recipe's own first, or the file that a
// path names.
func (p *project) definition(off int) []location {
	if path := p.pathAt(off); path != "" {
		return []location{{URI: p.s.uri(path)}}
	}
	if inner := p.innerAt(off); inner != nil {
		return inner
	}
	at, ok := p.mentionAt(off)
	if !ok {
		return nil
	}
	var out []location
	for _, f := range p.reach(at.class) {
		for _, m := range p.mentions(f) {
			if m.symbol == at.symbol && m.declares {
				out = append(out, f.location(m.from, m.to))
			}
		}
	}
	return out
}

// innerAt is where the recipe that a stage uses declares what an offset names: a parameter under `with`, or an output
// behind the stage's name.
func (p *project) innerAt(off int) []location {
	at := outline.Locate(p.files[0].outline(), off)
	if at == nil {
		return nil
	}
	keys := at.Keys()
	if at.Pair != nil && len(keys) == 3 && keys[0] == "stages" && keys[2] == "with" {
		return p.inner(keys[1], "params", at.Pair.Key)
	}
	if at.Value == nil {
		return nil
	}
	for _, x := range expressions(at.Value, len(keys) == 3 && keys[0] == "stages" && keys[2] == "when") {
		for _, u := range scan(x.source).uses {
			for i, part := range u.parts {
				if i > 0 && x.from+part.from <= off && off <= x.from+part.to {
					return p.inner(u.parts[0].name, "outputs", part.name)
				}
			}
		}
	}
	return nil
}

// inner finds a key of the recipe that a stage uses.
func (p *project) inner(stage, top, key string) []location {
	sub := p.sub(stage)
	if sub == nil {
		return nil
	}
	var out []location
	for _, f := range sub.all(top, key) {
		out = append(out, f.location(f.From, f.To))
	}
	return out
}

// reach are the files in which symbols of a class are declared.
func (p *project) reach(c class) []*source {
	if c == secretName {
		if f := p.workspace(); f != nil {
			return []*source{f}
		}
		return nil
	}
	return p.files
}

// workspace is the workspace file of the recipe, nil when there is none.
func (p *project) workspace() *source {
	for dir := range parents(p.files[0].path) {
		if f := p.s.load(filepath.Join(dir, workspace.Name)); f != nil {
			return f
		}
	}
	return nil
}

// pathAt is the existing file that the text at an offset names: in `extends`, `uses` or an input.
func (p *project) pathAt(off int) string {
	src := p.files[0]
	at := outline.Locate(src.outline(), off)
	if at == nil || at.Value == nil {
		return ""
	}
	keys := at.Keys()
	switch {
	case len(keys) > 0 && keys[0] == "extends":
	case len(keys) == 3 && keys[0] == "stages" && keys[2] == "uses" && compile.IsRecipe(at.Value.Text):
	case len(keys) > 3 && keys[0] == "stages" && keys[2] == "with":
		if f := lookup(p.fields(keys[1]), keys[3:]); f == nil || !f.Type.IsInput() {
			return ""
		}
	case len(keys) > 1 && keys[0] == "params":
		if f := p.param(keys[1]); !f.Type.IsInput() {
			return ""
		}
	default:
		return ""
	}
	path := src.beside(at.Value.Text)
	if path == "" {
		return ""
	}
	if st, err := os.Stat(path); (err != nil || st.IsDir()) && p.s.load(path) == nil {
		return ""
	}
	return path
}

// references are all places that name what stands at an offset: in the recipe, in what it extends, and in the open recipes
// that extend it.
func (p *project) references(off int, declarations bool) []location {
	at, ok := p.mentionAt(off)
	if !ok {
		return nil
	}
	files := slices.Clone(p.files)
	if at.class == secretName {
		files = append(files, p.reach(secretName)...)
	}
	for _, d := range p.s.open() {
		q := p.s.project(d.source)
		if !slices.ContainsFunc(q.files, func(f *source) bool { return f.uri == p.files[0].uri }) {
			continue
		}
		for _, f := range q.files {
			if !slices.ContainsFunc(files, func(g *source) bool { return g.uri == f.uri }) {
				files = append(files, f)
			}
		}
	}
	var out []location
	for _, f := range files {
		for _, m := range p.mentions(f) {
			if m.symbol == at.symbol && (declarations || !m.declares) {
				out = append(out, f.location(m.from, m.to))
			}
		}
	}
	return out
}

// renamable is what can be renamed at an offset: a stage or parameter that no other file declares.
func (p *project) renamable(off int) (mention, *rpc.Error) {
	at, ok := p.mentionAt(off)
	if !ok || at.class != stageName && at.class != paramName {
		return at, rpc.Errorf(rpc.CodeFailed, "only stages and parameters can be renamed")
	}
	what := "stage"
	if at.class == paramName {
		what = "parameter"
	}
	declared := false
	for i, f := range p.files {
		for _, m := range p.mentions(f) {
			if m.symbol != at.symbol || !m.declares {
				continue
			}
			if declared = true; i > 0 {
				return at, rpc.Errorf(rpc.CodeFailed, "%s %s is declared in %s too: rename it in each file", what, at.name, p.name(f))
			}
		}
	}
	if !declared {
		return at, rpc.Errorf(rpc.CodeFailed, "there is no %s %s", what, at.name)
	}
	return at, nil
}

// rename is the edit that gives what stands at an offset another name.
func (p *project) rename(off int, name string) (*workspaceEdit, *rpc.Error) {
	at, err := p.renamable(off)
	if err != nil {
		return nil, err
	}
	switch chain := expr.Parse(name).Chain(); {
	case len(chain) != 1 || chain[0] != name:
		return nil, rpc.Errorf(rpc.CodeFailed, "%q is no name: use letters, digits and _, not beginning with a digit", name)
	case at.class == stageName && slices.Contains(ast.Reserved(), name):
		return nil, rpc.Errorf(rpc.CodeFailed, "the name %s has a meaning in expressions", name)
	case at.class == stageName && p.isStage(name), at.class == paramName && slices.Contains(p.names("params"), name):
		return nil, rpc.Errorf(rpc.CodeFailed, "the name %s is taken", name)
	}
	src := p.files[0]
	edit := &workspaceEdit{Changes: map[string][]textEdit{}}
	for _, m := range p.mentions(src) {
		if m.symbol == at.symbol {
			edit.Changes[src.uri] = append(edit.Changes[src.uri], textEdit{src.span(m.from, m.to), name})
		}
	}
	return edit, nil
}

// parents are the folders above a file, the nearest first.
func parents(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for dir := filepath.Dir(path); path != ""; dir = filepath.Dir(dir) {
			if !yield(dir) || dir == filepath.Dir(dir) {
				return
			}
		}
	}
}
