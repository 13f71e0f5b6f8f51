package compile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/param"
)

// maxPlaces bounds the items of a list or map whose places are kept one by one; those of longer ones have the place of
// the whole.
const maxPlaces = 64

// origins notes where a value and all that is inside it were written, by path as in keys; what has the place of the
// value around it is left out. f may be nil, inside values of no declared type.
func (b *builder) origins(out map[string]string, c cell, f *param.Field, path, around string, n *ast.Node) {
	at := b.origin(c, n)
	if at != around {
		out[path] = at
	}
	from, _ := b.source(c, n)
	switch {
	case b.foreign(from):
	case from.Kind == ast.List && len(from.Items) <= maxPlaces:
		var item *param.Field
		if f != nil {
			item = f.Elem
		}
		for i, n := range from.Items {
			b.origins(out, c, item, key.Index(path, i), at, n)
		}
	case from.Kind == ast.Map && len(from.Pairs) <= maxPlaces:
		for _, p := range from.Pairs {
			name, inner := p.Key.Text, (*param.Field)(nil)
			if f != nil && f.Type == param.Object {
				if inner = topField(param.Schema{Fields: f.Fields}, name); inner != nil {
					name = inner.Name
				}
			} else if f != nil {
				inner = f.Elem
			}
			b.origins(out, c, inner, key.Path(path, name), at, p.Value)
		}
	}
}

// origin says where a value was written: "recipe.yaml:12:7", "-p lr", "--set sft.lr". Of an expression that computes
// with parameters or cells it also says where those were written: "recipe.yaml:12:7, with params.lr from -p lr".
func (b *builder) origin(c cell, n *ast.Node) string {
	from, _ := b.source(c, n)
	if b.foreign(from) {
		return cmp.Or(b.use.places[from], placeOf(from))
	}
	if b.literal || from.Kind != ast.Text || !expr.Holds(from.Text) {
		return placeOf(from)
	}
	parts, _, p := b.split(from)
	if p != nil {
		return placeOf(from) // reported already
	}
	var uses []string
	for _, part := range parts {
		if !part.IsExpr {
			continue
		}
		for _, u := range b.exprs.Parse(part.Source).Uses {
			if at := b.used(c, u.Chain); at != nil {
				uses = append(uses, strings.Join(u.Chain[:2], ".")+" from "+placeOf(at))
			}
		}
	}
	if len(uses) == 0 {
		return placeOf(from)
	}
	slices.Sort(uses)
	return placeOf(from) + ", with " + strings.Join(slices.Compact(uses), ", ")
}

// used is where a parameter or a cell's value that an expression names was written; nil for other names.
func (b *builder) used(c cell, chain []string) *ast.Node {
	if len(chain) < 2 {
		return nil
	}
	switch chain[0] {
	case "params":
		return b.paramFrom[chain[1]]
	case "matrix":
		for _, v := range c {
			if v.axis == chain[1] {
				return v.from
			}
		}
	}
	return nil
}

// placeOf is the place of a node; of one from the command line the flag.
func placeOf(n *ast.Node) string {
	if f := n.File(); f != nil && f.Inline {
		name, _, _ := strings.Cut(f.Name, "=")
		return name
	}
	return n.Span.String()
}
