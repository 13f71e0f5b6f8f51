package ast

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine/param"
)

// Param is one entry under `params`: what a caller may set with -p.
type Param struct {
	Name    string
	At      pos.Span
	Type    string // one of ParamTypes
	Default *Node  // nil when the caller must give it
	Min     *float64
	Max     *float64
	Enum    []*Node
	Doc     string
	Broken  bool // reported already: its value is unknown
}

// ParamTypes are the types a recipe's parameter may have.
func ParamTypes() []string {
	return []string{"string", "int", "float", "bool", "path", "list", "map"}
}

// ParamKeys are the keys of a parameter's long form.
func ParamKeys() []string {
	return []string{"type", "default", "min", "max", "enum", "doc"}
}

// LongParam says whether a node under `params` is a declaration rather than a default: a map with a type or a default.
func LongParam(n *Node) bool {
	return n.Kind == Map && (n.Find("type") != nil || n.Find("default") != nil)
}

func (d *decoder) params(r *Recipe, p *Pair) {
	if p == nil || !d.is(p, Map) {
		return
	}
	for _, pp := range p.Value.Pairs {
		if !d.identifier(pp.Key, "parameter", nil) {
			continue
		}
		q := &Param{Name: pp.Key.Text, At: pp.Key.Span, Default: pp.Value}
		q.Broken = !d.param(q, pp)
		r.Params = append(r.Params, q)
	}
}

func (d *decoder) param(q *Param, pp *Pair) bool {
	n := pp.Value
	if holdsExpression(n) {
		d.diags.Errorf(n.Span, "use expressions in stages", "parameter %s: defaults take no expressions", q.Name)
		return false
	}
	if !LongParam(n) {
		if n.Kind == Map && len(n.Pairs) > 0 && !slices.ContainsFunc(n.Pairs, func(p *Pair) bool { return !slices.Contains(ParamKeys(), p.Key.Text) }) {
			d.diags.Errorf(n.Span, "add `type:` or `default:`", "parameter %s has neither type nor default", q.Name)
			return false
		}
		if q.Type = typeOf(n); q.Type == "" {
			d.diags.Errorf(n.Span, "give {type: ...} to a parameter that the caller must set", "parameter %s has no default", q.Name)
			return false
		}
		return true
	}
	keys := d.keys(n, "parameter "+q.Name, ParamKeys())
	q.Doc = d.text(keys["doc"])
	q.Default = nil
	if p := keys["default"]; p != nil {
		q.Default = p.Value
		q.Type = typeOf(p.Value)
	}
	if p := keys["type"]; p != nil {
		if !d.is(p, Text) {
			return false
		}
		if !slices.Contains(ParamTypes(), p.Value.Text) {
			d.diags.Errorf(p.Value.Span, didYouMean(p.Value.Text, ParamTypes()), "unknown parameter type %q", p.Value.Text)
			return false
		}
		q.Type = p.Value.Text
	}
	if q.Type == "" {
		d.diags.Errorf(n.Span, "add `type:` or `default:`", "parameter %s has neither type nor default", q.Name)
		return false
	}
	for key, bound := range map[string]**float64{"min": &q.Min, "max": &q.Max} {
		p := keys[key]
		if p == nil {
			continue
		}
		x, ok := number(p.Value)
		switch {
		case q.Type != "int" && q.Type != "float":
			d.diags.Errorf(p.Key.Span, "", "%s has no meaning for a parameter of type %s", key, q.Type)
		case !ok:
			d.diags.Errorf(p.Value.Span, "", "%s wants a number, have %s", key, shown(p.Value))
		default:
			*bound = &x
		}
	}
	if p := keys["enum"]; p != nil && d.is(p, List) {
		for _, item := range p.Value.Items {
			if _, err := q.Convert(item); err != nil {
				d.diags.Errorf(item.Span, "", "enum of parameter %s: %s", q.Name, err)
				continue
			}
			q.Enum = append(q.Enum, item)
		}
	}
	if q.Default != nil {
		if err := q.Check(q.Default); err != nil {
			d.diags.Add(err.At(q.Default.Span))
			return false
		}
	}
	return true
}

func holdsExpression(n *Node) bool {
	return strings.Contains(n.Text, "${") && n.Kind == Text || slices.ContainsFunc(n.Items, holdsExpression) ||
		slices.ContainsFunc(n.Pairs, func(p *Pair) bool { return p.Key.Text != "doc" && holdsExpression(p.Value) })
}

func typeOf(n *Node) string {
	return map[Kind]string{Bool: "bool", Int: "int", Float: "float", Text: "string", List: "list", Map: "map"}[n.Kind]
}

func number(n *Node) (float64, bool) {
	switch n.Kind {
	case Int:
		return float64(n.Int), true
	case Float:
		return n.Float, !math.IsNaN(n.Float)
	}
	return 0, false
}

// Convert gives a node the parameter's type. Paths become absolute, seen from where they were written.
func (q *Param) Convert(n *Node) (any, error) {
	want := map[string]Kind{"string": Text, "int": Int, "float": Float, "bool": Bool, "path": Text, "list": List, "map": Map}[q.Type]
	switch {
	case q.Type == "float" && n.Kind == Int:
		return float64(n.Int), nil
	case q.Type == "float" && n.Kind == Float && (math.IsNaN(n.Float) || math.IsInf(n.Float, 0)):
		return nil, fmt.Errorf("wants a finite number, have %s", shown(n))
	case n.Kind != want:
		return nil, fmt.Errorf("wants %s, have %s", q.want(want), shown(n))
	case q.Type == "path" && n.Text != "" && !filepath.IsAbs(n.Text) && !strings.HasPrefix(n.Text, "hf://"):
		return filepath.Join(n.File().Dir, n.Text), nil
	}
	return n.Value(), nil
}

func (q *Param) want(k Kind) string {
	if q.Type == "path" {
		return "a path"
	}
	return k.String()
}

// Misfit is why a value does not suit a parameter.
type Misfit struct{ Summary, Hint string }

// At makes it a diagnostic.
func (m *Misfit) At(at pos.Span) diag.Diagnostic {
	return diag.Diagnostic{Summary: m.Summary, Hint: m.Hint, Subject: at}
}

// Check says why a value does not suit the parameter, nil when it does.
func (q *Param) Check(n *Node) *Misfit {
	v, err := q.Convert(n)
	if err != nil {
		m := &Misfit{Summary: fmt.Sprintf("parameter %s %s", q.Name, err)}
		if q.Type == "string" && n.Kind != List && n.Kind != Map {
			m.Hint = "put it in quotes"
		}
		return m
	}
	if len(q.Enum) > 0 {
		var words []string
		for _, e := range q.Enum {
			if ev, err := q.Convert(e); err == nil && fmt.Sprint(ev) == fmt.Sprint(v) {
				return nil
			}
			words = append(words, e.Text)
		}
		m := &Misfit{Summary: fmt.Sprintf("parameter %s wants one of %s, have %s", q.Name, strings.Join(words, ", "), shown(n))}
		if near := param.Near(n.Text, words); near != "" {
			m.Hint = fmt.Sprintf("did you mean %s?", near)
		}
		return m
	}
	if x, ok := number(n); ok && (q.Min != nil && x < *q.Min || q.Max != nil && x > *q.Max) {
		return &Misfit{Summary: fmt.Sprintf("parameter %s wants %s, have %s", q.Name, q.bounds(), shown(n))}
	}
	return nil
}

func (q *Param) bounds() string {
	switch {
	case q.Max == nil:
		return fmt.Sprintf("%v or more", *q.Min)
	case q.Min == nil:
		return fmt.Sprintf("%v or less", *q.Max)
	}
	return fmt.Sprintf("%v to %v", *q.Min, *q.Max)
}
