package compile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/metric"
)

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
