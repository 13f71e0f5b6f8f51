package compile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/check"
	"github.com/belay-ml/belay/dsl/expr"
)

// cell is one combination of a matrix: values by axis, in the order the axes were written.
type cell []axisValue

type axisValue struct {
	axis  string
	value any       // string, bool, int64 or float64
	text  string    // the value in names
	from  *ast.Node // where the value was written
}

func (c cell) value(axis string) any {
	for _, v := range c {
		if v.axis == axis {
			return v.value
		}
	}
	return nil
}

func (c cell) values() map[string]any {
	if c == nil {
		return nil
	}
	m := make(map[string]any, len(c))
	for _, v := range c {
		m[v.axis] = v.value
	}
	return m
}

// key is "seed=1,mode=full".
func (c cell) key() string {
	parts := make([]string, len(c))
	for i, v := range c {
		parts[i] = v.axis + "=" + v.text
	}
	return strings.Join(parts, ",")
}

// over is the key over some axes only.
func (c cell) over(axes []string) string {
	one, rest := "", []byte(nil)
	for k, a := range axes {
		for i := range c {
			if c[i].axis != a {
				continue
			}
			if one = c[i].text; len(axes) > 1 {
				rest = append(rest, one...)
			}
		}
		if k < len(axes)-1 {
			rest = append(rest, ',')
		}
	}
	if len(axes) == 1 {
		return one
	}
	return string(rest)
}

// project is the key over some axes only, in brackets.
func (c cell) project(axes []string) string {
	parts := make([]string, len(axes))
	for i, a := range axes {
		parts[i] = a + "=" + axisText(c.value(a))
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// axisText is a value in an instance's name; text that would confuse the name is quoted.
func axisText(v any) string {
	s, _ := expr.Format(v)
	if _, isText := v.(string); isText && (s == "" || strings.ContainsAny(s, ",=[]\"' \t\r\n") || !strconv.CanBackquote(s)) {
		return strconv.Quote(s)
	}
	return s
}

func (s *stage) instanceID(c cell) string {
	if !s.matrixed {
		return s.Name
	}
	return s.Name + "[" + c.key() + "]"
}

// matrix unfolds a stage's matrix into cells; without one there is a single empty cell. false means the matrix
// is wrong, reported, and replaced by one empty cell.
func (b *builder) matrix(s *stage) bool {
	s.cells = []cell{nil}
	n := s.Matrix
	if n == nil {
		return true
	}
	if name, ok := check.MatrixOf(n, b.exprs); ok {
		return b.matrixOf(s, name)
	}
	f := frame{scoped: newScoped(b.axes), values: b.values}
	if n.Kind != ast.Map {
		b.diags.Errorf(n.Span, "write matrix: {seed: [1, 2]}", "matrix wants a map of axes, have %s", n.Kind)
		return false
	}
	before := len(b.diags)
	cells := []cell{{}}
	var axes []string
	for _, p := range n.Pairs {
		if p.Key.Text == "include" || p.Key.Text == "exclude" {
			continue
		}
		names, tuples := b.factor(f, p, axes)
		if names == nil {
			continue
		}
		if len(cells)*len(tuples) > maxCells {
			b.diags.Errorf(p.Value.Span, "", "the matrix has more than %d cells", maxCells)
			return false
		}
		axes = append(axes, names...)
		next := make([]cell, 0, len(cells)*len(tuples))
		for _, c := range cells {
			for _, t := range tuples {
				next = append(next, slices.Concat(c, t))
			}
		}
		cells = next
	}
	if p := n.Find("exclude"); p != nil {
		cells = b.exclude(f, p, axes, cells)
	}
	if p := n.Find("include"); p != nil {
		if len(axes) == 0 && len(cells) == 1 {
			cells = nil
		}
		axes, cells = b.include(f, p, axes, cells)
	}
	switch {
	case len(b.diags) > before && b.diags[before:].HasErrors():
		return false
	case len(axes) == 0:
		b.diags.Errorf(n.Span, "write matrix: {seed: [1, 2]}", "the matrix has no axes")
		return false
	case len(cells) == 0:
		b.diags.Errorf(n.Span, "", "the matrix has no cells left")
		return false
	case len(cells) > maxCells:
		b.diags.Errorf(n.Span, "", "the matrix has more than %d cells", maxCells)
		return false
	}
	s.axes, s.cells, s.matrixed = axes, cells, true
	return true
}

func (b *builder) matrixOf(s *stage, name string) bool {
	t := b.byName[name]
	switch {
	case t == nil:
		b.diags.Errorf(s.Matrix.Span, b.nearStage(name), "unknown stage %q", name)
		return false
	case t.Matrix == nil:
		b.diags.Errorf(s.Matrix.Span, "", "stage %s has no matrix", name)
		return false
	case !t.ready || !t.matrixed:
		return false
	}
	s.axes, s.cells, s.matrixed = t.axes, t.cells, true
	return true
}

// factor evaluates one factor of a matrix: an axis, whose tuples are its values one by one, or `zip`, whose axes go
// side by side. known are the axes before it. No names mean that it is wrong, which was reported.
func (b *builder) factor(f frame, p *ast.Pair, known []string) (names []string, tuples []cell) {
	pairs := []*ast.Pair{p}
	if p.Key.Text == "zip" {
		if p.Value.Kind != ast.Map || len(p.Value.Pairs) == 0 {
			b.diags.Errorf(p.Value.Span, "write zip: {lr: [1e-4, 1e-5], warmup: [100, 10]}", "zip wants a map of axes, have %s", p.Value.Kind)
			return nil, nil
		}
		pairs = p.Value.Pairs
	}
	for _, q := range pairs {
		axis := q.Key.Text
		switch {
		case !identifier(axis):
			b.diags.Errorf(q.Key.Span, "use letters, digits and _", "bad axis name %q", axis)
			return nil, nil
		case slices.Contains(known, axis):
			b.diags.Errorf(q.Key.Span, "keep one of them", "axis %s is given twice", axis)
			return nil, nil
		}
		values := b.axis(f, q)
		if len(names) == 0 {
			tuples = make([]cell, len(values))
		} else if len(values) != len(tuples) {
			if values != nil {
				b.diags.Errorf(q.Value.Span, "axes of zip go side by side", "axis %s has %d values, %s has %d", axis, len(values), names[0], len(tuples))
			}
			return nil, nil
		}
		for i, v := range values {
			tuples[i] = append(tuples[i], v)
		}
		names = append(names, axis)
	}
	seen := map[string]bool{}
	for _, t := range tuples {
		at := t[len(t)-1]
		switch key := t.key(); {
		case !seen[key]:
			seen[key] = true
		case len(names) == 1:
			b.diags.Errorf(at.from.Span, "", "axis %s has %s twice", names[0], words(at.value))
		default:
			b.diags.Errorf(at.from.Span, "", "zip has %s twice", key)
		}
	}
	return names, tuples
}

// axis evaluates the values of one axis.
func (b *builder) axis(f frame, p *ast.Pair) []axisValue {
	v, ok := b.evaluate(f, p.Value)
	if !ok {
		return nil
	}
	items, isList := v.([]any)
	if !isList {
		b.diags.Errorf(p.Value.Span, fmt.Sprintf("write %s: [...]", p.Key.Text), "axis %s wants a list of values, have %s", p.Key.Text, words(v))
		return nil
	}
	if len(items) == 0 {
		b.diags.Errorf(p.Value.Span, "", "axis %s has no values", p.Key.Text)
	}
	from, _ := b.source(nil, p.Value)
	var out []axisValue
	for i, item := range items {
		at := from
		if from.Kind == ast.List && i < len(from.Items) {
			at = from.Items[i]
		}
		if !scalar(item) {
			b.diags.Errorf(at.Span, "give texts, numbers or booleans", "a value of axis %s is %s", p.Key.Text, words(item))
			continue
		}
		out = append(out, axisValue{axis: p.Key.Text, value: item, text: axisText(item), from: at})
	}
	return out
}

// entries evaluates the maps of include or exclude.
func (b *builder) entries(f frame, p *ast.Pair) (maps []map[string]any, nodes []*ast.Node) {
	if p.Value.Kind != ast.List {
		b.diags.Errorf(p.Value.Span, "write - {axis: value}", "%s wants a list of maps, have %s", p.Key.Text, p.Value.Kind)
		return nil, nil
	}
	for _, item := range p.Value.Items {
		if item.Kind != ast.Map || len(item.Pairs) == 0 {
			b.diags.Errorf(item.Span, "write {axis: value}", "%s wants maps, have %s", p.Key.Text, item.Kind)
			continue
		}
		v, ok := b.evaluate(f, item)
		if m, isMap := v.(map[string]any); ok && isMap {
			maps, nodes = append(maps, m), append(nodes, item)
		}
	}
	return maps, nodes
}

func (b *builder) exclude(f frame, p *ast.Pair, axes []string, cells []cell) []cell {
	entries, nodes := b.entries(f, p)
	// Entries that name the same axes are looked up together: there may be thousands.
	groups := map[string]*exclusion{}
	hit := make([]bool, len(entries))
	for i, e := range entries {
		if !b.knownAxes(nodes[i], axes) {
			hit[i] = true // reported
			continue
		}
		var named []string
		var texts cell
		for _, a := range axes {
			v, given := e[a]
			if !given {
				continue
			}
			named = append(named, a)
			text := "\x00" // equal to no value's
			if scalar(v) {
				text = axisText(v)
			}
			texts = append(texts, axisValue{axis: a, text: text})
		}
		g := groups[strings.Join(named, ",")]
		if g == nil {
			g = &exclusion{axes: named, entries: map[string][]int{}}
			groups[strings.Join(named, ",")] = g
		}
		g.entries[texts.over(named)] = append(g.entries[texts.over(named)], i)
	}
	left := slices.DeleteFunc(cells, func(c cell) bool {
		out := false
		for _, g := range groups {
			for _, i := range g.entries[c.over(g.axes)] {
				hit[i], out = true, true
			}
		}
		return out
	})
	for i := range entries {
		if !hit[i] {
			b.diags.Warnf(nodes[i].Span, "", "exclude matches no cell of the matrix")
		}
	}
	return left
}

// exclusion are the entries of `exclude` that name the same axes, by the values they name.
type exclusion struct {
	axes    []string
	entries map[string][]int
}

// include adds whole cells. Without axes of its own the matrix takes them from the first entry.
func (b *builder) include(f frame, p *ast.Pair, axes []string, cells []cell) ([]string, []cell) {
	entries, nodes := b.entries(f, p)
	there := make(map[string]bool, len(cells)+len(entries))
	for _, c := range cells {
		there[c.key()] = true
	}
	for i, e := range entries {
		if len(axes) == 0 {
			for _, q := range nodes[i].Pairs {
				axes = append(axes, q.Key.Text)
			}
		}
		if !b.knownAxes(nodes[i], axes) {
			continue
		}
		c := cell{}
		for _, a := range axes {
			v, ok := e[a]
			if !ok {
				b.diags.Errorf(nodes[i].Span, "", "include does not give axis %s", a)
				continue
			}
			if !scalar(v) {
				b.diags.Errorf(nodes[i].Span, "give texts, numbers or booleans", "a value of axis %s is %s", a, words(v))
				continue
			}
			c = append(c, axisValue{axis: a, value: v, text: axisText(v), from: nodes[i].Find(a).Value})
		}
		if there[c.key()] {
			b.diags.Warnf(nodes[i].Span, "", "include repeats the cell %s", c.key())
			continue
		}
		there[c.key()] = true
		cells = append(cells, c)
	}
	return axes, cells
}

func (b *builder) knownAxes(n *ast.Node, axes []string) bool {
	ok := true
	for _, p := range n.Pairs {
		if !slices.Contains(axes, p.Key.Text) {
			b.diags.Errorf(p.Key.Span, check.Suggest(p.Key.Text, axes), "unknown axis %q", p.Key.Text)
			ok = false
		}
	}
	return ok
}

// scalar says whether a value can be one of an axis. Values compare as names do: 1 and 1.0 are the same cell.
func scalar(v any) bool {
	switch v.(type) {
	case string, bool, int64, float64:
		return true
	}
	return false
}

func identifier(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
