package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine/param"
)

// sets lays the --set overrides "stage.path=v" over the stages' `with`.
func (b *builder) sets(sets []string) {
	for _, text := range sets {
		target, value, ok := strings.Cut(text, "=")
		name, path, dotted := strings.Cut(target, ".")
		s := b.byName[name]
		if s != nil && hidden(s.kind, path) {
			text = target + "=***"
		}
		f := pos.NewInline("--set "+text, b.opt.Dir, value)
		all := pos.Of(f, 0, len(value))
		switch {
		case !ok || !dotted || path == "":
			b.diags.Errorf(all, "write --set stage.parameter=value", "bad override")
		case s == nil && strings.Contains(name, "/"):
			outer, _, _ := strings.Cut(name, "/")
			b.diags.Errorf(all, fmt.Sprintf("set a parameter of the recipe that %s uses: --set %s.parameter=value", outer, outer), "--set reaches the stages of this recipe, not %s", name)
		case s == nil:
			b.diags.Errorf(all, b.nearStage(name), "unknown stage %q", name)
		case s.Broken:
		default:
			if s.sub != nil && s.sub.recipe != nil && !strings.Contains(path, ".") {
				// As -p does it: texts and paths stand as they are.
				i := slices.IndexFunc(s.sub.recipe.Params, func(q *ast.Param) bool { return q.Name == path })
				if i >= 0 && s.sub.recipe.Params[i].Verbatim() {
					s.With = ast.Merge(s.With, ast.MapOf(all, &ast.Pair{Key: &ast.Node{Kind: ast.Text, Text: path, Span: all}, Value: ast.TextOf(f, value)}), &b.diags)
					continue
				}
			}
			if n := b.given(s.kind, f, strings.Split(path, "."), value); n != nil {
				s.With = ast.Merge(s.With, n, &b.diags)
			}
		}
	}
}

// given is the map {a: {b: value}} of a command-line text for parameter a.b. Fields of type text and inputs take
// the text as it stands; other values are YAML.
func (b *builder) given(k *kind, f *pos.File, path []string, value string) *ast.Node {
	all := pos.Of(f, 0, len(value))
	n := ast.TextOf(f, value)
	if !verbatim(k, path, value) {
		var parsed *ast.Node
		if strings.TrimSpace(value) == "" {
			parsed = &ast.Node{Kind: ast.Null, Span: all}
		} else {
			p, diags := ast.Parse(f)
			b.diags.Add(diags...)
			if p == nil || diags.HasErrors() {
				return nil
			}
			parsed = p
		}
		n = parsed
	}
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == "" {
			b.diags.Errorf(all, "", "the parameter name is empty")
			return nil
		}
		key := &ast.Node{Kind: ast.Text, Text: path[i], Span: all}
		n = ast.MapOf(all, &ast.Pair{Key: key, Value: n})
	}
	return n
}

// hidden says whether a parameter's value must not show in messages.
func hidden(k *kind, path string) bool {
	if k == nil {
		return false
	}
	f, ok := k.schema.Lookup(path)
	return ok && f.Class == param.Secret
}

func verbatim(k *kind, path []string, value string) bool {
	if k == nil {
		return false
	}
	f, ok := k.schema.Lookup(strings.Join(path, "."))
	if !ok {
		// Inputs of a map: inputs.IN=path.
		f, ok = k.schema.Lookup(strings.Join(path[:len(path)-1], "."))
		if !ok || len(path) < 2 {
			return false
		}
		return f.Type == param.InputMap || f.Type == param.Map && f.Elem != nil && f.Elem.Type == param.String
	}
	switch f.Type {
	case param.String, param.Input:
		return true
	case param.Inputs:
		return !strings.HasPrefix(strings.TrimSpace(value), "[")
	}
	return false
}
