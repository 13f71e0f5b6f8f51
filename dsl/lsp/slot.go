package lsp

import (
	"slices"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/lsp/internal/outline"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/param"
)

// slot is what fits at a place of a recipe: as keys of a map there, and as a value.
type slot struct {
	keys   []word        // keys
	fields []param.Field // keys that are parameters
	values []word        // words
	field  *param.Field  // the parameter whose value stands here
	stages bool          // names of stages
	kinds  bool          // stage kinds, and recipes
	paths  bool          // recipes
	exprs  bool          // ${ ... }
	bare   bool          // the value is an expression without ${ }
}

// slot finds it from a path of keys, "*" for items.
func (p *project) slot(keys []string) slot {
	if p.files[0].settings() {
		return fieldSlot(p.s.settings.Fields, keys, false)
	}
	if len(keys) == 0 {
		return slot{keys: words(ast.RecipeKeys(), recipeDocs())}
	}
	switch keys[0] {
	case "belay":
		return slot{values: []word{{"1", recipeDocs()["belay"]}}}
	case "extends":
		return slot{paths: true}
	case "params":
		return p.paramSlot(keys[1:])
	case "parallel":
		return fieldSlot(layoutFields(), keys[1:], true)
	case "model":
		return slot{exprs: true}
	case "outputs":
		if len(keys) > 1 {
			return slot{exprs: true, field: &param.Field{Type: param.Input}}
		}
		return slot{}
	case "stages":
		switch len(keys) {
		case 1:
			return slot{keys: p.below("stages")}
		case 2:
			return slot{keys: words(ast.StageKeys(), stageDocs())}
		}
		return p.stageSlot(keys[1], keys[2:])
	}
	return p.grammarSlot(keys)
}

// below are the names that extended files have at a key, for the recipe to override.
func (p *project) below(key string) []word {
	var out []word
	own := p.files[0].outline().Follow(key)
	for _, name := range p.names(key) {
		if own.Find(name) == nil {
			out = append(out, word{name, "from an extended recipe"})
		}
	}
	return out
}

func (p *project) grammarSlot(keys []string) slot {
	k, v := p.s.grammar.at(keys)
	return slot{keys: k, values: v, exprs: true}
}

func (p *project) paramSlot(keys []string) slot {
	switch {
	case len(keys) == 0:
		return slot{keys: p.below("params")}
	case len(keys) == 1:
		f := p.param(keys[0])
		return slot{keys: words(ast.ParamKeys(), paramDocs()), field: &f}
	case keys[1] == "kind":
		var s slot
		for _, k := range artifact.Kinds() {
			s.values = append(s.values, word{string(k), ""})
		}
		return s
	case keys[1] == "type":
		return slot{values: words(ast.ParamTypes(), typeDocs())}
	case keys[1] == "default":
		f := p.param(keys[0])
		return slot{field: &f}
	}
	return slot{}
}

// stageSlot is what fits below a key of a stage.
func (p *project) stageSlot(stage string, keys []string) slot {
	if len(keys) > 1 && !slices.Contains([]string{"with", "matrix", "needs", "resources", "retries"}, keys[0]) {
		return slot{} // below a value that is indented wrongly
	}
	switch keys[0] {
	case "uses":
		return slot{kinds: true}
	case "with":
		return fieldSlot(p.fields(stage), keys[1:], true)
	case "needs":
		return slot{stages: true}
	case "when":
		return slot{bare: true}
	case "on":
		return slot{values: []word{{"local", "this machine"}}, exprs: true}
	case "cache":
		return slot{values: []word{{"false", "run it every time"}, {"true", ""}}, exprs: true}
	case "doc":
		return slot{}
	case "retries":
		return fieldSlot(compile.RetrySchema().Fields, keys[1:], true)
	case "resources":
		return fieldSlot(compile.ResourcesSchema().Fields, keys[1:], true)
	case "matrix":
		return p.matrixSlot(stage, keys[1:])
	}
	return p.grammarSlot(append([]string{"stages", stage}, keys...))
}

func (p *project) matrixSlot(stage string, keys []string) slot {
	_, axes := p.axes(stage)
	switch {
	case len(keys) == 0:
		var s slot
		s.keys = words(ast.MatrixKeys(), matrixDocs())
		s.exprs = true
		return s
	case keys[0] == "zip" && len(keys) == 1:
		return slot{}
	case keys[0] != "include" && keys[0] != "exclude":
		return slot{exprs: true}
	case len(keys) == 2:
		return slot{keys: words(axes, nil)}
	case len(keys) == 3:
		var s slot
		for _, n := range scalars(p.axis(stage, keys[2])) {
			s.values = append(s.values, word{n.Text, ""})
		}
		return s
	}
	return slot{}
}

// fieldSlot is what fits below fields of parameters.
func fieldSlot(fields []param.Field, keys []string, exprs bool) slot {
	if len(keys) == 0 {
		return slot{fields: fields}
	}
	f := lookup(fields, keys)
	if f == nil {
		return slot{exprs: exprs}
	}
	s := slot{field: f, exprs: exprs}
	switch f.Type {
	case param.Object:
		s.fields = f.Fields
	case param.Map, param.InputMap:
		s.field = nil
	case param.List:
		if f.Elem != nil && keys[len(keys)-1] != "*" {
			s.field = f.Elem // an item that is typed without its dash or bracket
		}
	}
	return s
}

// given says which of the fields a map has already, under any of their names.
func given(n *outline.Node, f *param.Field) bool {
	return n.Find(f.Name) != nil || n.Find(f.Name+"+") != nil || slices.ContainsFunc(f.Aliases, func(a string) bool { return n.Find(a) != nil })
}

// accepts says whether an input field takes a port.
func accepts(f *param.Field, port artifact.Port) bool {
	if f != nil && slices.Contains(f.Kinds, pathOnly) {
		return false
	}
	return f == nil || len(f.Kinds) == 0 || port.Kind == artifact.Unspecified ||
		slices.ContainsFunc(f.Kinds, func(k artifact.Kind) bool { return artifact.Accepts(k, port.Kind) })
}
