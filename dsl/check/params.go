package check

import (
	"fmt"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine/param"
)

// Params gives the recipe's parameters their values: the defaults, or the caller's "k=v" texts. from holds the
// node that each value came from. A parameter without a value has been reported, as a warning when open. dir is what
// relative paths of overrides are relative to.
func Params(r *ast.Recipe, overrides []string, dir string, open bool) (values map[string]any, from map[string]*ast.Node, l diag.List) {
	values, from = map[string]any{}, map[string]*ast.Node{}
	byName := make(map[string]*ast.Param, len(r.Params))
	var names []string
	for _, q := range r.Params {
		byName[q.Name] = q
		names = append(names, q.Name)
		if q.Default != nil {
			from[q.Name] = q.Default
		}
	}
	for _, o := range overrides {
		name, text, ok := strings.Cut(o, "=")
		f := pos.NewInline("-p "+o, dir, text)
		all := pos.Of(f, 0, len(text))
		if !ok || name == "" {
			l.Errorf(all, "write -p name=value", "the override has no value")
			continue
		}
		q := byName[name]
		if q == nil {
			l.Errorf(all, suggest(name, names), "the recipe has no parameter %q", name)
			continue
		}
		if q.Broken {
			continue
		}
		n := ast.TextOf(f, text)
		if !q.Verbatim() && strings.TrimSpace(text) == "" {
			l.Errorf(all, empty(q), "parameter %s wants %s, have nothing", name, q.Want())
			if q.Default == nil {
				delete(byName, name) // reported
			}
			continue
		}
		if !q.Verbatim() {
			parsed, diags := ast.Parse(f)
			l.Add(diags...)
			if parsed == nil || diags.HasErrors() {
				delete(byName, name)
				delete(from, name)
				continue
			}
			n = parsed
		}
		if m := q.Check(n); m != nil {
			l.Add(m.At(all))
			if q.Default == nil {
				delete(byName, name)
			}
			continue
		}
		from[name] = n
	}
	for _, q := range r.Params {
		n := from[q.Name]
		if q.Broken {
			delete(from, q.Name)
			continue
		}
		if n == nil {
			switch {
			case byName[q.Name] == nil: // reported
			case open:
				l.Warnf(q.At, "a recipe that uses this one gives it", "parameter %s is not given: what depends on it is not checked", q.Name)
			default:
				l.Errorf(q.At, fmt.Sprintf("give it with -p %s=..., or a default", q.Name), "parameter %s is not given", q.Name)
			}
			continue
		}
		v, err := q.Convert(n)
		if err != nil {
			l.Errorf(n.Span, "", "parameter %s %s", q.Name, err)
			continue
		}
		values[q.Name] = v
	}
	return values, from, l
}

// empty is a hint for "-p name=".
func empty(q *ast.Param) string {
	switch q.Type {
	case "list":
		return fmt.Sprintf("-p %s='[]' is the empty list", q.Name)
	case "map":
		return fmt.Sprintf("-p %s='{}' is the empty map", q.Name)
	}
	if q.Default == nil {
		return ""
	}
	return "leave it out for the default"
}

func suggest(name string, known []string) string {
	if near := param.Near(name, known); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	if len(known) > 0 && len(known) <= 12 {
		return "known: " + strings.Join(known, ", ")
	}
	return ""
}

// Suggest is a hint for an unknown name: the near one, or all when they are few.
func Suggest(name string, known []string) string { return suggest(name, known) }
