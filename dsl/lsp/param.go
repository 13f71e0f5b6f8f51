package lsp

import (
	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/lsp/internal/outline"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/param"
)

// pathOnly stands as the kind of a parameter that takes paths and no artifacts.
const pathOnly artifact.Kind = "path"

// param is a parameter of the recipe as a field.
func (p *project) param(name string) param.Field {
	f := param.Field{Name: name, Type: param.Any, Doc: p.word("params", name, "doc")}
	n := p.value("params", name)
	if n == nil {
		return f
	}
	typ, given := p.word("params", name, "type"), n
	if typ != "" || n.Find("default") != nil || p.value("params", name, "default") != nil {
		given = p.value("params", name, "default")
		if n.Kind != outline.Map { // an override of the default of an extended file
			given = n
		}
	}
	f.Required = given == nil
	if given != nil {
		f.Default = plainValue(given)
	}
	switch f.Default.(type) {
	case bool:
		f.Type = param.Bool
	case int64:
		f.Type = param.Int
	case float64:
		f.Type = param.Float
	case string:
		f.Type = param.String
	case []any:
		f.Type, f.Elem = param.List, &param.Field{}
	case map[string]any:
		f.Type, f.Elem = param.Map, &param.Field{}
	}
	switch typ {
	case "string":
		f.Type = param.String
	case "int":
		f.Type = param.Int
	case "float":
		f.Type = param.Float
	case "bool":
		f.Type = param.Bool
	case "list":
		f.Type, f.Elem = param.List, &param.Field{}
	case "map":
		f.Type, f.Elem = param.Map, &param.Field{}
	case "path":
		f.Type, f.Kinds = param.Input, []artifact.Kind{pathOnly}
	case "artifact":
		f.Type = param.Input
		if kind := p.word("params", name, "kind"); kind != "" {
			f.Kinds = []artifact.Kind{artifact.Kind(kind)}
		}
	}
	for key, bound := range map[string]**float64{"min": &f.Min, "max": &f.Max} {
		switch x := plainValue(p.value("params", name, key)).(type) {
		case int64:
			v := float64(x)
			*bound = &v
		case float64:
			*bound = &x
		}
	}
	for _, item := range scalars(p.value("params", name, "enum")) {
		f.Enum = append(f.Enum, item.Text)
	}
	return f
}

// plainValue is a node as plain Go values, by the rules of YAML 1.2; nil for nothing.
func plainValue(n *outline.Node) any {
	if n == nil {
		return nil
	}
	switch n.Kind {
	case outline.Scalar:
		if n.Style == outline.Plain {
			return ast.PlainValue(n.Text)
		}
		return n.Text
	case outline.List:
		out := make([]any, len(n.Items))
		for i, item := range n.Items {
			out[i] = plainValue(item)
		}
		return out
	case outline.Map:
		out := make(map[string]any, len(n.Pairs))
		for _, q := range n.Pairs {
			out[q.Key] = plainValue(q.Value)
		}
		return out
	}
	return nil
}
