package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/check"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/param"
)

// instance makes the node of one cell.
func (b *builder) instance(s *stage, c cell) {
	first := len(b.graph.Nodes)
	in := &instance{node: first, end: first + 1, id: b.idOf(s, c), marks: b.marksOf(s, c), cell: c}
	s.insts = append(s.insts, in)
	n := engine.Node{ID: in.id, Name: b.nameOf(s), Cell: b.cellOf(c), Pos: s.NameAt.String(), Env: b.env}
	if b.use != nil {
		in.off, n.Gates = b.use.off, b.use.base.Gates
	}
	plain := b.values
	if s.matrixed {
		plain = maps.Clone(plain)
		plain.Set("matrix", c.values())
	}
	pf := frame{scoped: s.plain, values: plain, cell: c}
	if s.When != nil {
		b.when(s, in, pf, &n)
	}
	b.settings(s, pf, &n)
	n.Needs = b.needed(s, c)
	if s.sub != nil {
		b.expand(s, in, &n)
		return
	}
	if s.kind == nil {
		// Nothing says what its parameters are, but its expressions can still be checked.
		b.evaluate(frame{scoped: s.scope, values: b.cellValues(s, c), cell: c}, s.With)
		in.failed = true
	} else {
		n.Stage = s.kind.stage
		in.failed = !b.with(s, in, &n)
	}
	n.Off = in.off
	b.use.wait(&n)
	b.graph.Nodes = append(b.graph.Nodes, n)
}

// needed are the nodes that `needs` names: the same cell where there is one, else all instances.
func (b *builder) needed(s *stage, c cell) []int {
	var out []int
	for _, item := range check.Names(s.Needs) {
		t := b.byName[item.Text]
		if t == nil || !t.ready {
			continue
		}
		in, list := carried(c, s.axes, t)
		switch {
		case list:
			if t.nodes == nil {
				for _, in := range t.insts {
					t.nodes = in.all(t.nodes)
				}
			}
			if b.reads += len(t.nodes); len(out) == 0 {
				out = slices.Clip(t.nodes) // shared: they may be many
			} else {
				out = append(out, t.nodes...)
			}
		case in != nil:
			b.reads += in.end - in.node
			out = in.all(out)
		default:
			b.diags.Errorf(item.Span, "", "there is no instance %s%s", t.Name, c.project(t.axes))
		}
	}
	if len(check.Names(s.Needs)) > 1 {
		slices.Sort(out)
		out = slices.Compact(out)
	}
	return out
}

// all adds the instance's nodes.
func (in *instance) all(to []int) []int {
	for i := in.node; i < in.end; i++ {
		to = append(to, i)
	}
	return to
}

// with evaluates and checks the parameters: values, the recipe's layout, inputs, types and bounds, ports. It
// says whether the ports are known.
func (b *builder) with(s *stage, in *instance, n *engine.Node) bool {
	f := frame{scoped: s.scope, values: b.cellValues(s, in.cell), cell: in.cell}
	b.absentSecrets = nil
	schema := s.kind.schema
	what := "stage " + s.Uses
	values, failed := map[string]any{}, map[string]bool{}
	n.Origins = map[string]string{}
	for _, p := range s.With.Pairs {
		name := p.Key.Text
		if field := topField(schema, name); field != nil {
			b.origins(n.Origins, in.cell, field, field.Name, "", p.Value)
		}
		v, ok := b.evaluate(f, p.Value)
		if !ok {
			failed[name] = true
		}
		values[name] = v
	}
	for _, name := range []string{"tp", "pp", "ep", "vpp"} {
		l, given := b.parallel[name]
		if field := topField(schema, name); given && field != nil && n.Origins[field.Name] == "" {
			values[field.Name] = l.value
			n.Origins[field.Name] = b.origin(in.cell, l.at)
		}
	}
	w := inputs{b: b, s: s, in: in, off: &in.off}
	for _, name := range sortedKeys(values) {
		field := topField(schema, name)
		if field == nil || failed[name] {
			continue
		}
		var node *ast.Node
		if p := s.With.Find(name); p != nil {
			node = p.Value
		}
		v, ok := w.value(field, name, values[name], node)
		if !ok {
			failed[name] = true
		}
		values[name] = v
	}
	if in.off == "" {
		b.diags.Add(w.absent...)
		b.diags.Add(b.absentSecrets...)
	}
	broken := len(failed) > 0
	for name := range failed {
		values[name] = nil
	}
	norm, problems := schema.Normalize(values)
	if c, checks := s.kind.stage.(engine.Checker); checks && !broken && len(problems) == 0 {
		problems = c.Check(norm)
	}
	for _, p := range problems {
		if len(p.Path) == 0 || failed[p.Path[0]] || failedAs(schema, p.Path[0], failed) {
			continue
		}
		broken = true
		b.diags.Add(b.place(s, in, p, what))
	}
	n.Params = norm
	in.ports = s.kind.spec.Outputs
	if _, shaped := s.kind.stage.(engine.Shaper); !shaped {
		return true
	}
	if broken {
		return false
	}
	ports, err := n.Ports()
	if err != nil {
		b.diags.Errorf(s.NameAt, "", "outputs of stage %s: %s", s.Name, err)
		return false
	}
	in.ports = ports
	return true
}

// place words a schema's problem at the node it is about.
func (b *builder) place(s *stage, in *instance, p param.Problem, what string) diag.Diagnostic {
	d := check.Place(p, s.With, s.NameAt, what)
	at, _, rest := s.With.Follow(p.Path)
	if len(rest) == len(p.Path) {
		// Written elsewhere: the recipe's parallel block.
		if l := b.parallel[p.Path[0]]; l.at != nil {
			d.Subject = l.at.Span
			d.Summary += fmt.Sprintf(" (of stage %s)", s.Name)
		}
		return d
	}
	from, moved := b.source(in.cell, at)
	if moved {
		d = noteFrom(d, from, d.Subject)
	}
	if at.Kind == ast.Text && expr.Holds(at.Text) && d.Hint == "put it in quotes" {
		d.Hint = "use string(...)"
	}
	if at.Kind == ast.Text && strings.Contains(at.Text, "/") && expr.Holds(at.Text) && d.Hint == "" && strings.Contains(p.Summary, "an integer") {
		if parts, _, _ := b.split(at); len(parts) == 1 {
			d.Hint = "/ gives a number with a fraction; div(a, b) gives an integer"
		}
	}
	return d
}

// failedAs says whether a missing parameter was in fact given under an alias and failed.
func failedAs(schema param.Schema, name string, failed map[string]bool) bool {
	for f := range failed {
		if field := topField(schema, f); field != nil && field.Name == name {
			return true
		}
	}
	return false
}

// topField finds a top-level field; names with dots are not paths here.
func topField(schema param.Schema, name string) *param.Field {
	if strings.Contains(name, ".") {
		return nil
	}
	f, ok := schema.Lookup(name)
	if !ok {
		return nil
	}
	return f
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
