package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/check"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/param"
)

// instance makes the node of one cell.
func (b *builder) instance(s *stage, c cell) {
	in := &instance{node: len(b.graph.Nodes), id: s.instanceID(c), cell: c}
	s.insts = append(s.insts, in)
	n := engine.Node{ID: in.id, Name: s.Name, Cell: c.values(), Pos: s.NameAt.String(), Env: b.environmentOf()}
	plain := b.values
	if s.matrixed {
		plain = maps.Clone(plain)
		plain.Set("matrix", c.values())
	}
	pf := frame{scoped: s.plain, values: plain, cell: c}
	if s.When != nil {
		if on, text, ok := b.condition(pf, s.When); ok && !on {
			in.off = fmt.Sprintf("when: %s is false", text)
		}
	}
	b.settings(s, pf, &n)
	n.Needs = b.needed(s, c)
	if s.kind == nil {
		// Nothing says what its parameters are, but its expressions can still be checked.
		b.evaluate(frame{scoped: s.scope, values: b.cellValues(s, c), cell: c}, s.With)
		in.failed = true
	} else {
		n.Stage = s.kind.stage
		in.failed = !b.with(s, in, &n)
	}
	n.Off = in.off
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
			for _, in := range t.insts {
				out = append(out, in.node)
			}
		case in != nil:
			out = append(out, in.node)
		default:
			b.diags.Errorf(item.Span, "", "there is no instance %s%s", t.Name, c.project(t.axes))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// settings evaluates what is no parameter: on, resources, retries, timeout, cache.
func (b *builder) settings(s *stage, f frame, n *engine.Node) {
	if s.On != nil {
		if v, ok := b.evaluate(f, s.On); ok {
			if name, isText := v.(string); !isText {
				b.diags.Errorf(s.On.Span, "", "on wants the name of a target, have %s", words(v))
			} else if name != "local" {
				b.diags.Errorf(s.On.Span, "targets are named in belay.yaml; only `local` is there by itself", "target %s is not defined", name)
			}
		}
	}
	if s.Resources != nil {
		if v, ok := b.evaluate(f, s.Resources); ok {
			m, isMap := v.(map[string]any)
			if !isMap {
				b.diags.Errorf(s.Resources.Span, "write resources: {cpu: 2}", "resources wants a map, have %s", words(v))
			}
			one := 1.0
			schema := param.Schema{Fields: []param.Field{{Name: "cpu", Type: param.Int, Min: &one, Default: int64(0)}}}
			values, problems := schema.Normalize(m)
			for _, p := range problems {
				b.diags.Add(check.Place(p, s.Resources, s.Resources.Span, "resources"))
			}
			if cpu, ok := values["cpu"].(int64); ok {
				n.Resources.CPU = int(cpu)
			}
		}
	}
	if s.Retries != nil {
		if v, ok := b.evaluate(f, s.Retries); ok {
			if i, isInt := v.(int64); isInt && i >= 0 && i <= 100 {
				n.Retry.Max = int(i)
			} else {
				b.diags.Errorf(s.Retries.Span, "", "retries wants a number of times from 0 to 100, have %s", words(v))
			}
		}
	}
	if s.Timeout != nil {
		if v, ok := b.evaluate(f, s.Timeout); ok {
			text, _ := v.(string)
			if d, err := time.ParseDuration(text); err == nil && d > 0 {
				n.Timeout = d
			} else {
				b.diags.Errorf(s.Timeout.Span, "write 90s, 30m or 2h30m", "timeout wants a duration, have %s", words(v))
			}
		}
	}
	if s.Cache != nil {
		if v, ok := b.evaluate(f, s.Cache); ok {
			if keep, isBool := v.(bool); isBool {
				n.NoCache = !keep
			} else {
				b.diags.Errorf(s.Cache.Span, "", "cache wants true or false, have %s", words(v))
			}
		}
	}
}

// with evaluates and checks the parameters: values, the recipe's layout, inputs, types and bounds, ports. It
// says whether the ports are known.
func (b *builder) with(s *stage, in *instance, n *engine.Node) bool {
	f := frame{scoped: s.scope, values: b.cellValues(s, in.cell), cell: in.cell}
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
	}
	broken := len(failed) > 0
	for name := range failed {
		values[name] = nil
	}
	norm, problems := schema.Normalize(values)
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
		if parts, _, _ := expr.Split(at.Text); len(parts) == 1 {
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
