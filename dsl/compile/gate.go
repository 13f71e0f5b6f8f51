package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/check"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/metric"
)

// when finds out whether an instance is on. A condition on the numbers of stages is known when they have ended: it
// becomes a gate of the node.
func (b *builder) when(s *stage, in *instance, f frame, n *engine.Node) {
	if s.When.Kind == ast.Bool {
		in.switchOff(s.When.Bool, s.When.Text)
		return
	}
	part, ok := b.conditionOf(s.When)
	if !ok {
		return
	}
	f.scoped = b.conditionScope(s)
	parsed := b.exprs.Parse(part.Source)
	if slices.ContainsFunc(parsed.Uses, func(u expr.Use) bool { return b.mayHold(s, u.Chain) }) {
		b.gate(s, in, part, n)
	} else if v, ok := b.expression(f, s.When, part, "bool"); ok {
		on, _ := v.(bool)
		in.switchOff(on, strings.TrimSpace(part.Source))
	}
}

func (in *instance) switchOff(on bool, text string) {
	if !on && in.off == "" {
		in.off = fmt.Sprintf("when: %s is false", text)
	}
}

// conditionOf is the expression of a `when` that is text, with or without ${ }.
func (b *builder) conditionOf(n *ast.Node) (part expr.Part, ok bool) {
	if n.Kind != ast.Text {
		b.diags.Errorf(n.Span, "write a condition such as \"params.iters > 0\"", "when wants a condition, have %s", n.Kind)
		return part, false
	}
	part = expr.Part{Source: n.Text, IsExpr: true, Nth: -1}
	if expr.Holds(n.Text) {
		parts, nth, p := b.split(n)
		if p != nil {
			b.diags.Errorf(n.Within(nth, p.From, p.To), p.Hint, "%s", p.Summary)
			return part, false
		}
		if part, ok = expr.Whole(parts); !ok {
			b.diags.Errorf(n.Span, "the whole of when is one expression: leave out ${ }", "when mixes text and expressions")
			return part, false
		}
	}
	if strings.TrimSpace(part.Source) == "" {
		b.diags.Errorf(n.Span, "write a condition such as \"params.iters > 0\"", "when is empty")
		return part, false
	}
	return part, true
}

// mayHold says whether a name may lead to the numbers of a stage: the stage, or a parameter that is an artifact.
func (b *builder) mayHold(s *stage, chain []string) bool {
	if _, gates := s.gates[b.byName[chain[0]]]; gates {
		return true
	}
	if chain[0] != "params" || len(chain) < 2 || b.use == nil {
		return false
	}
	_, isRef := b.use.values[chain[1]].(expr.Ref)
	return isRef
}

// gate makes a gate of a condition, unless what is known already decides it: `params.fast || evaluate.metrics.acc > 0.4`.
func (b *builder) gate(s *stage, in *instance, part expr.Part, n *engine.Node) {
	f := frame{scoped: b.conditionScope(s), values: b.valuesOf(s, s.gates, in.cell), cell: in.cell}
	c := &condition{parsed: b.exprs.Parse(part.Source), values: f.values, index: map[expr.Target]int{}}
	if !b.reach(c, s, part) {
		return
	}
	var ok bool
	if c.prog, ok = b.program(f, s.When, part, "bool"); !ok {
		return
	}
	if v, p := c.prog.Run(c.with(func(int) any { return expr.Later() })); p == nil {
		on, _ := v.(bool)
		in.switchOff(on, c.text())
		return
	}
	g := engine.Gate{Text: c.text(), Pos: s.When.Span.String()}
	for _, t := range c.reads {
		if off := b.graph.Nodes[t.Node].Off; off != "" && in.off == "" {
			in.off = engine.ReadsOff(t.ID, off)
		}
		g.Reads = append(g.Reads, engine.Output{Node: t.Node, Port: t.Port, Sub: t.Sub})
	}
	b.reads += len(g.Reads)
	place, deciding := g.Pos, &b.deciding
	g.Decide = func(numbers []metric.Set) (engine.Verdict, error) {
		deciding.Lock() // programs are shared by the cells of a matrix
		defer deciding.Unlock()
		return c.decide(place, numbers)
	}
	n.Gates = append(slices.Clip(n.Gates), g)
}

// reach finds the artifacts that a condition reads. Places that lead to none were reported when it says false.
func (b *builder) reach(c *condition, s *stage, part expr.Part) bool {
	ok := true
	report := func(u expr.Use, hint, format string, args ...any) {
		lead := expr.Lead
		if part.Nth < 0 {
			lead = 0
		}
		to, _ := c.parsed.Extent(u)
		b.diags.Errorf(s.When.Within(part.Nth, lead+u.From, lead+to), hint, format, args...)
		ok = false
	}
	for _, u := range c.parsed.Uses {
		root := c.values[u.Chain[0]]
		refs, rest := along(root, u.Chain[1:])
		if len(refs) == 0 {
			if t := b.byName[u.Chain[0]]; t != nil && rest == 0 && root != nil {
				report(u, fmt.Sprintf("write %s.PORT.NAME > 0: PORT is of kind metrics", t.Name), "the condition does not say which number of %s it reads", t.Name)
			}
			continue
		}
		port := strings.Join(u.Chain[:len(u.Chain)-rest], ".")
		for _, r := range refs {
			if t := expr.TargetOf(r); !artifact.Accepts(artifact.Metrics, t.Kind) {
				report(u, b.metricsPorts(t.Node), "%s is %s: it holds no numbers", port, t.Kind)
				break
			}
		}
		if _, many := valueAt(root, u.Chain[1:len(u.Chain)-rest]).([]any); many && rest > 0 {
			name := u.Chain[len(u.Chain)-rest]
			report(u, fmt.Sprintf("write max(map(%s, .%s)) or any(%s, .%s > 0), or name one instance", port, name, port, name), "%s is a list, of all instances", port)
		} else if rest > 1 {
			report(u, fmt.Sprintf("write %s['%s'] for a number inside", port, strings.Join(u.Chain[len(u.Chain)-rest:], ".")), "numbers have no fields")
		}
		c.add(u, refs, rest)
	}
	return ok
}

// metricsPorts is a hint: the ports of a node that do hold numbers.
func (b *builder) metricsPorts(node int) string {
	ports, err := b.graph.Nodes[node].Ports()
	var names []string
	for _, p := range ports {
		if err == nil && p.Kind == artifact.Metrics {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return "ports of kind metrics do; a command stage declares one: outputs: {metrics: {path: metrics.json, kind: metrics}}"
	}
	return "its port of kind metrics: " + strings.Join(names, ", ")
}

// known are the numbers that a port is known to hold; nil when that is not known.
func (b *builder) known(t expr.Target) []string {
	if t.Sub != "" || t.Node >= len(b.graph.Nodes) || b.graph.Nodes[t.Node].Stage == nil {
		return nil
	}
	ports, err := b.graph.Nodes[t.Node].Ports()
	i := slices.IndexFunc(ports, func(p artifact.Port) bool { return p.Name == t.Port })
	if err != nil || i < 0 {
		return nil
	}
	return ports[i].Metrics
}

// conditionScope is what the `when` of a stage may use: artifacts are the numbers in them.
func (b *builder) conditionScope(s *stage) *scoped {
	if s.condition != nil {
		return s.condition
	}
	sc := &expr.Scope{Vars: map[string]*expr.Var{}, Absent: map[string]string{}, Outer: b.open}
	if v := s.plain.Vars["matrix"]; v != nil {
		sc.Vars["matrix"] = v
	} else {
		sc.Absent["matrix"] = s.plain.Absent["matrix"]
	}
	for t, keyed := range s.gates {
		sc.Vars[t.Name] = stageVar(s, t, keyed, b.numbersVar)
	}
	if b.use != nil {
		fields := maps.Clone(b.vars["params"].Fields)
		for name, v := range b.use.values {
			if r, isRef := v.(expr.Ref); isRef {
				fields[name] = b.numbersVar(r, false)
			}
		}
		sc.Vars["params"] = expr.Record("params", fields)
	}
	s.condition = newScoped(sc)
	return s.condition
}

// numbersVar is the type of a port where conditions read it. v is what the port is in one instance.
func (b *builder) numbersVar(v any, list bool) *expr.Var {
	r, isRef := v.(expr.Ref)
	if list || !isRef {
		return expr.ListOfNumbers()
	}
	t := expr.TargetOf(r)
	return expr.Numbers(t.Port+" of stage "+t.ID, b.known(t))
}

// gatesOf are the stages that a stage's `when` reads; true: maybe single instances of them.
func (b *builder) gatesOf(refs []check.Ref) map[*stage]bool {
	var out map[*stage]bool
	for _, ref := range refs {
		if !ref.When {
			continue
		}
		if out == nil {
			out = map[*stage]bool{}
		}
		t := b.stages[ref.To]
		out[t] = out[t] || ref.Keyed
	}
	return out
}
