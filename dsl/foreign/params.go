package foreign

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/engine/param"
)

// parameter is one of the recipe's parameters.
type parameter struct {
	name string
	typ  string
	def  any // nil when the caller must give it
	doc  string
}

func (p *parameter) ref() expression { return expression("${params." + p.name + "}") }

func (b *builder) param(name, typ string, def any, doc string) *parameter {
	p := &parameter{typ: typ, def: def, doc: doc}
	p.name = unused(identifier(name), func(n string) bool {
		return slices.ContainsFunc(b.params, func(o *parameter) bool { return o.name == n })
	})
	b.params = append(b.params, p)
	return p
}

// path is the parameter for a path that no stage writes. said is how the source has it.
func (b *builder) path(f *param.Field, set *Setting, path, said string) expression {
	abs := b.absolute(path)
	if p := b.paths[abs]; p != nil {
		return p.ref()
	}
	p := b.param(b.wanted(f, set), "path", nil, f.Doc)
	if rel := b.relative(path, abs); path != "" && !expr.Holds(rel) && b.Exists(abs) { // a default takes no ${
		p.def = rel
	} else if set.As != "" {
		p.doc = fmt.Sprintf("%s; %s says %q", f.Doc, set.As, short(said))
	}
	b.paths[abs] = p
	return p.ref()
}

// relative is a path as the recipe writes it: relative where the source's was.
func (b *builder) relative(path, abs string) string {
	if filepath.IsAbs(path) {
		return abs
	}
	if rel, err := filepath.Rel(b.Dir, abs); err == nil {
		return filepath.ToSlash(rel)
	}
	return abs
}

func (b *builder) wanted(f *param.Field, set *Setting) string {
	if set.Param != "" {
		return set.Param
	}
	return f.Name
}

// ask is a parameter that the caller must give, for a value that is not known.
func (b *builder) ask(s *stage, f *param.Field, set *Setting) expression {
	doc := f.Doc
	switch {
	case set.Open != "":
		doc = fmt.Sprintf("%s; %s says %s", f.Doc, set.As, short(set.Open))
	case set.Note != "":
		doc = fmt.Sprintf("%s; %s", f.Doc, set.Note)
	}
	name := b.wanted(f, set)
	key := "\x00" + set.Open // what a path stands for, whatever reads it
	if !f.Type.IsInput() {
		key += "\x00" + f.Name
	}
	if p := b.paths[key]; p != nil && set.Open != "" {
		s.asks(set, p)
		return p.ref()
	}
	if slices.ContainsFunc(b.params, func(p *parameter) bool { return p.name == name }) {
		name = s.name + "_" + name
	}
	p := b.param(name, paramType(f.Type), nil, doc)
	if set.Open != "" {
		b.paths[key] = p
		s.asks(set, p)
	}
	return p.ref()
}

// asks lists a value that is not known, and where it is to be given.
func (s *stage) asks(set *Setting, p *parameter) {
	if set.Why == "" {
		return
	}
	s.Job.Left = append(s.Job.Left, Left{At: set.At, Name: set.As, Value: set.Open, Why: set.Why + ": parameter " + p.name + " is to be given"})
}

// lift makes parameters of the values that a person will want to change: one for all stages that agree, one a stage
// where they do not.
func (b *builder) lift() {
	type use struct {
		s     *stage
		path  string
		value any
	}
	uses := map[string][]use{}
	var names []string
	for _, s := range b.stages {
		for _, path := range s.Lift {
			v, ok := take(s.with, path)
			if _, open := v.(expression); !ok || open || expr.Holds(plainText(v)) {
				continue
			}
			if !slices.Contains(names, path) {
				names = append(names, path)
			}
			uses[path] = append(uses[path], use{s, path, v})
		}
	}
	for _, path := range names {
		all := uses[path]
		same := !slices.ContainsFunc(all, func(u use) bool { return !reflect.DeepEqual(u.value, all[0].value) })
		leaf := path[strings.LastIndexByte(path, '.')+1:]
		var p *parameter
		for _, u := range all {
			f, _ := u.s.schema.Lookup(path)
			name := leaf
			if !same {
				name = u.s.name + "_" + leaf
			}
			if p == nil || !same {
				p = b.param(name, paramType(f.Type), u.value, f.Doc)
			}
			put(u.s.with, path, p.ref())
		}
	}
}
