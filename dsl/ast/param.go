package ast

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine/artifact"
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
	Kind    artifact.Kind // of artifacts; Unspecified takes all
	Doc     string
	Broken  bool // reported already: its value is unknown
}

// ParamTypes are the types a recipe's parameter may have.
func ParamTypes() []string {
	return []string{"string", "int", "float", "bool", "path", "artifact", "list", "map"}
}

// ParamKeys are the keys of a parameter's long form.
func ParamKeys() []string {
	return []string{"type", "default", "min", "max", "enum", "kind", "doc"}
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
		if n.Kind == Map && len(n.Pairs) > 0 && !slices.ContainsFunc(n.Pairs, func(p *Pair) bool { return p.Key.Text == "kind" || !slices.Contains(ParamKeys(), p.Key.Text) }) {
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
	if p := keys["kind"]; p != nil && d.is(p, Text) {
		var known []string
		for _, k := range artifact.Kinds() {
			known = append(known, string(k))
		}
		switch {
		case q.Type != "artifact":
			d.diags.Errorf(p.Key.Span, "write type: artifact", "kind has no meaning for a parameter of type %s", q.Type)
		case !slices.Contains(known, p.Value.Text):
			d.diags.Errorf(p.Value.Span, didYouMean(p.Value.Text, known), "unknown artifact kind %q", p.Value.Text)
		default:
			q.Kind = artifact.Kind(p.Value.Text)
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
func (q *Param) Convert(n *Node) (any, error) { return q.convert(n.Value(), shown(n), n.File().Dir) }

// convert gives a plain value the parameter's type; have is what messages call it, dir what paths are relative to.
func (q *Param) convert(v any, have, dir string) (any, error) {
	ok := false
	switch q.Type {
	case "float":
		if i, isInt := v.(int64); isInt {
			return float64(i), nil
		}
		var x float64
		if x, ok = v.(float64); ok && (math.IsNaN(x) || math.IsInf(x, 0)) {
			return nil, fmt.Errorf("wants a finite number, have %s", have)
		}
	case "int":
		_, ok = v.(int64)
	case "bool":
		_, ok = v.(bool)
	case "list":
		_, ok = v.([]any)
	case "map":
		_, ok = v.(map[string]any)
	case "string":
		_, ok = v.(string)
	case "path", "artifact":
		var path string
		if path, ok = v.(string); ok && path != "" && !filepath.IsAbs(path) && !strings.HasPrefix(path, "hf://") {
			return filepath.Join(dir, path), nil
		}
	}
	if !ok {
		return nil, fmt.Errorf("wants %s, have %s", q.Want(), have)
	}
	return v, nil
}

// Verbatim says whether a text from the command line is the value itself and not YAML.
func (q *Param) Verbatim() bool {
	return q.Type == "string" || q.Type == "path" || q.Type == "artifact"
}

// Want is what the parameter takes, in words.
func (q *Param) Want() string {
	return map[string]string{
		"string": "text", "int": "an integer", "float": "a number", "bool": "a boolean", "list": "a list", "map": "a map",
		"path": "a path", "artifact": "an artifact or a path",
	}[q.Type]
}

// Misfit is why a value does not suit a parameter.
type Misfit struct{ Summary, Hint string }

// At makes it a diagnostic.
func (m *Misfit) At(at pos.Span) diag.Diagnostic {
	return diag.Diagnostic{Summary: m.Summary, Hint: m.Hint, Subject: at}
}

// Check says why a node does not suit the parameter, nil when it does.
func (q *Param) Check(n *Node) *Misfit {
	_, m := q.Fit(n.Value(), shown(n), n.File().Dir)
	return m
}

// Fit gives a plain value the parameter's type, or says why it does not suit it: type, words and bounds. have and dir
// are as for Convert.
func (q *Param) Fit(v any, have, dir string) (any, *Misfit) {
	fit, err := q.convert(v, have, dir)
	if err != nil {
		m := &Misfit{Summary: fmt.Sprintf("parameter %s %s", q.Name, err)}
		switch v.(type) {
		case []any, map[string]any:
		default:
			if q.Type == "string" {
				m.Hint = "put it in quotes"
			}
		}
		return nil, m
	}
	if len(q.Enum) > 0 {
		var words []string
		for _, e := range q.Enum {
			if ev, err := q.Convert(e); err == nil && fmt.Sprint(ev) == fmt.Sprint(fit) {
				return fit, nil
			}
			words = append(words, e.Text)
		}
		m := &Misfit{Summary: fmt.Sprintf("parameter %s wants one of %s, have %s", q.Name, strings.Join(words, ", "), have)}
		if text, isText := v.(string); isText {
			if near := param.Near(text, words); near != "" {
				m.Hint = fmt.Sprintf("did you mean %s?", near)
			}
		}
		return nil, m
	}
	x, isFloat := fit.(float64)
	if i, isInt := fit.(int64); isInt {
		x, isFloat = float64(i), true
	}
	if isFloat && (q.Min != nil && x < *q.Min || q.Max != nil && x > *q.Max) {
		return nil, &Misfit{Summary: fmt.Sprintf("parameter %s wants %s, have %s", q.Name, q.bounds(), have)}
	}
	return fit, nil
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
