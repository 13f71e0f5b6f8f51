package compile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/check"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
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
			in.off = readsOff(t.ID, off)
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

// readsOff says why an instance is off that reads one that is.
func readsOff(id, why string) string {
	text := fmt.Sprintf("reads %s, which is off", id)
	if !strings.HasPrefix(why, "reads ") {
		text += " (" + why + ")"
	}
	return text
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

// condition is a `when` that reads numbers.
type condition struct {
	parsed *expr.Parsed
	prog   *expr.Program
	values expr.Values // of its names; artifacts are expr.Ref
	reads  []expr.Target
	places []place
	index  map[expr.Target]int // in reads
}

// place is where a condition reads artifacts.
type place struct {
	use   expr.Use
	name  string // of the one number, when it says which
	reads []int
}

// add notes what a name of the condition leads to. rest is how many fields follow the artifact's name.
func (c *condition) add(u expr.Use, refs []expr.Ref, rest int) {
	p := place{use: u}
	if rest == 1 && len(refs) == 1 {
		p.name = u.Chain[len(u.Chain)-1]
	}
	for _, r := range refs {
		t := expr.TargetOf(r)
		t.Listed = false
		i, known := c.index[t]
		if !known {
			i = len(c.reads)
			c.index[t], c.reads = i, append(c.reads, t)
		}
		p.reads = append(p.reads, i)
	}
	c.places = append(c.places, p)
}

func (c *condition) text() string { return strings.Join(strings.Fields(c.parsed.Source), " ") }

// along follows names to the artifacts that they lead to. rest is how many names are left behind them.
func along(v any, names []string) (refs []expr.Ref, rest int) {
	switch x := v.(type) {
	case expr.Ref:
		return []expr.Ref{x}, len(names)
	case []any:
		for _, item := range x {
			if r, isRef := item.(expr.Ref); isRef {
				refs = append(refs, r)
			}
		}
		return refs, len(names)
	case map[string]any:
		if len(names) > 0 && x[names[0]] != nil {
			return along(x[names[0]], names[1:])
		}
	}
	return nil, len(names)
}

// valueAt is the value behind names.
func valueAt(v any, names []string) any {
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// with are the values with something in the place of each artifact that is read.
func (c *condition) with(numbers func(read int) any) expr.Values {
	values := maps.Clone(c.values)
	for _, p := range c.places {
		reads := p.reads
		next := func() any {
			i := reads[0]
			reads = reads[1:]
			return numbers(i)
		}
		root := p.use.Chain[0]
		values[root] = put(values[root], p.use.Chain[1:], next)
	}
	return values
}

// put is along again: it copies what leads to the artifacts, and calls next for each. Those put there before stay.
func put(v any, names []string, next func() any) any {
	switch x := v.(type) {
	case expr.Ref:
		return next()
	case []any:
		out := slices.Clone(x)
		for i, item := range out {
			if _, isRef := item.(expr.Ref); isRef {
				out[i] = next()
			}
		}
		return out
	case map[string]any:
		if len(names) > 0 && x[names[0]] != nil {
			out := maps.Clone(x)
			out[names[0]] = put(x[names[0]], names[1:], next)
			return out
		}
	}
	return v
}

// decide evaluates the condition with the numbers of what it reads.
func (c *condition) decide(place string, numbers []metric.Set) (engine.Verdict, error) {
	maps := make([]any, len(numbers))
	for i, set := range numbers {
		m := make(map[string]any, len(set))
		for name, x := range set {
			m[name] = x
		}
		maps[i] = m
	}
	v, p := c.prog.Run(c.with(func(read int) any { return maps[read] }))
	if p != nil {
		err := fault.New(fault.Recipe, "decide %s (%s): %s", c.text(), place, p.Summary)
		return engine.Verdict{}, err.WithHint("%s", c.whatThereIs(numbers))
	}
	out := engine.Verdict{Text: c.text()}
	out.Open, _ = v.(bool)
	taken := c.prog.Taken()
	for i, set := range numbers {
		for _, name := range taken {
			if x, ok := set[name]; ok {
				out.Read = append(out.Read, engine.Reading{From: i, Name: name, Value: x})
			}
		}
	}
	out.Text, out.Note = c.worded(numbers, out.Read)
	return out, nil
}

// maxNames bounds the numbers that messages name.
const maxNames = 12

// whatThereIs names the numbers that a condition could have read.
func (c *condition) whatThereIs(numbers []metric.Set) string {
	var parts []string
	for i, t := range c.reads {
		if i == 3 {
			parts = append(parts, "...")
			break
		}
		names := numbers[i].Names()
		more := ""
		if len(names) > maxNames {
			names, more = names[:maxNames], ", ..."
		}
		text := strings.Join(names, ", ") + more
		if len(names) == 0 {
			text = "no numbers"
		}
		parts = append(parts, fmt.Sprintf("%s.%s has %s", t.ID, t.Port, text))
	}
	return strings.Join(parts, "; ")
}

// worded is the condition with its numbers in the places of their names, and those that have no such place.
func (c *condition) worded(numbers []metric.Set, read []engine.Reading) (text, note string) {
	owner := map[int]bool{}
	for _, p := range c.places {
		for _, i := range p.reads {
			owner[i] = true
		}
	}
	source := []rune(c.parsed.Source)
	var b strings.Builder
	shown := map[engine.Reading]bool{}
	done := 0
	for _, u := range slices.SortedFunc(slices.Values(c.parsed.Uses), func(x, y expr.Use) int { return x.From - y.From }) {
		to, ok := c.parsed.Extent(u)
		if !ok || u.From < done {
			continue
		}
		word := c.plain(u)
		i := slices.IndexFunc(c.places, func(p place) bool { return p.use.From == u.From && p.name != "" })
		if i >= 0 {
			from, name := c.places[i].reads[0], c.places[i].name
			x, there := numbers[from][name]
			if !there {
				continue
			}
			if word = name + " " + engine.NumberText(x); len(owner) > 1 {
				word = c.reads[from].ID + "." + word
			}
			shown[engine.Reading{From: from, Name: name, Value: x}] = true
		}
		if word != "" {
			b.WriteString(string(source[done:u.From]) + word)
			done = to
		}
	}
	b.WriteString(string(source[done:]))
	var notes []string
	for _, r := range read {
		if shown[r] {
			continue
		}
		if len(notes) == 4 {
			notes = append(notes, "...")
			break
		}
		notes = append(notes, fmt.Sprintf("%s.%s %s", c.reads[r.From].ID, r.Name, engine.NumberText(r.Value)))
	}
	return strings.Join(strings.Fields(b.String()), " "), strings.Join(notes, ", ")
}

// plain is what a name stands for that is no artifact, "" when it is no number or truth value. Texts may be long, or
// secret where a stage takes them.
func (c *condition) plain(u expr.Use) string {
	v := valueAt(map[string]any(c.values), u.Chain)
	switch x := v.(type) {
	case int: // as expressions have integers
		return strconv.Itoa(x)
	case float64, bool:
		s, _ := expr.Format(x)
		return s
	}
	return ""
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
