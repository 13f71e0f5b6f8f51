package contrast

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ml/belay/engine/event/record"
)

// The sections of rows.
const (
	Run       = "run"
	State     = "state"
	Time      = "time"
	Parameter = "parameter"
	Key       = "key"
	Result    = "result"
)

// Row is one fact of both sides.
type Row struct {
	Stage   string `json:"stage,omitempty"` // empty for facts of the run
	Section string `json:"section"`
	What    string `json:"what"`
	A       string `json:"a"`
	B       string `json:"b"`
	Delta   string `json:"delta,omitempty"` // from a to b, where both are numbers or times
	Same    bool   `json:"same,omitempty"`
}

// fact is one side of a row. An empty text is a fact that is not there.
type fact struct {
	section, what, text string
	took                time.Duration
	number              float64
	numeric             bool
}

// Runs compares two runs: their own facts, then every stage instance in the order of a, those of b alone last.
func Runs(a, b *record.Run) []Row {
	return append(pair("", runFacts(a), runFacts(b)), Stages(a.Nodes, b.Nodes)...)
}

// Stages compares instances by their IDs.
func Stages(a, b []record.Node) []Row {
	var rows []Row
	var ids []string
	seen := map[string]bool{}
	for _, nodes := range [][]record.Node{a, b} {
		for i := range nodes {
			if id := nodes[i].ID; !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	left, right := index(a), index(b)
	for _, id := range ids {
		x, y := left[id], right[id]
		switch {
		case y == nil:
			rows = append(rows, Row{Stage: id, Section: State, What: "state", A: x.State})
		case x == nil:
			rows = append(rows, Row{Stage: id, Section: State, What: "state", B: y.State})
		default:
			rows = append(rows, pair(id, stageFacts(x), stageFacts(y))...)
		}
	}
	return rows
}

// Nodes compares two stage instances, of one run or of two. Rows of different instances name no stage.
func Nodes(a, b *record.Node) []Row {
	name := a.ID
	if b.ID != a.ID {
		name = ""
	}
	return pair(name, stageFacts(a), stageFacts(b))
}

func index(nodes []record.Node) map[string]*record.Node {
	m := make(map[string]*record.Node, len(nodes))
	for i := range nodes {
		m[nodes[i].ID] = &nodes[i]
	}
	return m
}

func runFacts(r *record.Run) []fact {
	out := []fact{
		{section: Run, what: "recipe", text: r.Recipe}, {section: Run, what: "recipe digest", text: short(r.Digest)},
		{section: Run, what: "belay", text: r.Belay}, {section: Run, what: "host", text: r.Host},
		{section: Run, what: "state", text: r.State()}, {section: Run, what: "exit", text: strconv.Itoa(r.Exit)},
		{section: Run, what: "error", text: r.Error}, took(Run, r.Took()),
	}
	for _, k := range slices.Sorted(maps.Keys(r.Machine)) {
		out = append(out, fact{section: Run, what: k, text: r.Machine[k]})
	}
	for _, k := range slices.Sorted(maps.Keys(r.Params)) {
		out = append(out, fact{section: Parameter, what: "params." + k, text: fmt.Sprint(r.Params[k])})
	}
	return out
}

// stageFacts are what two instances are compared by.
func stageFacts(n *record.Node) []fact {
	out := []fact{{section: State, what: "state", text: n.State}, {section: State, what: "error", text: n.Error}}
	if n.State == "done" || n.State == "failed" || n.State == "cancelled" {
		out = append(out, took(Time, n.Took))
	}
	if len(n.Attempts) > 0 {
		out = append(out, fact{section: State, what: "attempts", text: strconv.Itoa(len(n.Attempts) + 1)})
	}
	if n.Made != nil {
		out = append(out, fact{section: State, what: "made by belay", text: n.Made.Belay}, fact{section: State, what: "made on", text: n.Made.Host})
	}
	for _, p := range n.Params {
		out = append(out, fact{section: Parameter, what: p.Name, text: p.Value})
	}
	out = append(out, fact{section: Key, what: "key", text: short(n.Key)})
	for _, p := range n.Parts {
		if len(n.Params) > 0 && strings.HasPrefix(p.Name, "parameter ") {
			continue // they stand above as they were written
		}
		out = append(out, fact{section: Key, what: p.Name, text: digest(p.Value)})
	}
	for _, m := range slices.Sorted(maps.Keys(n.Headline)) {
		v := float64(n.Headline[m])
		out = append(out, fact{section: Result, what: m, text: strconv.FormatFloat(v, 'g', 6, 64), number: v, numeric: true})
	}
	for _, o := range n.Outputs {
		out = append(out, fact{section: Result, what: "output " + o.Port, text: digest(o.Digest)})
	}
	return out
}

func took(section string, d time.Duration) fact {
	if d <= 0 {
		return fact{section: section, what: "took"}
	}
	return fact{section: section, what: "took", text: Clock(d), took: d}
}

// Clock is a duration for people.
func Clock(d time.Duration) string {
	if d < time.Minute {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// pair joins facts by section and name, in the order of a with those of b alone behind their section.
func pair(stage string, a, b []fact) []Row {
	type name struct{ section, what string }
	right := make(map[name]fact, len(b))
	for _, f := range b {
		right[name{f.section, f.what}] = f
	}
	var rows []Row
	done := make(map[name]bool, len(a))
	add := func(x, y fact, n name) {
		done[n] = true
		if x.text == "" && y.text == "" || n.section == Time && (x.text == "" || y.text == "") {
			return
		}
		rows = append(rows, Row{Stage: stage, Section: n.section, What: n.what, A: x.text, B: y.text, Delta: delta(x, y), Same: x.text == y.text})
	}
	for _, f := range a {
		n := name{f.section, f.what}
		add(f, right[n], n)
	}
	for _, f := range b {
		if n := (name{f.section, f.what}); !done[n] {
			add(fact{}, f, n)
		}
	}
	slices.SortStableFunc(rows, func(x, y Row) int { return place(x.Section) - place(y.Section) })
	return rows
}

func place(section string) int {
	return slices.Index([]string{Run, State, Time, Parameter, Key, Result}, section)
}

// delta is what has to be added to a for b, with its share of a for times.
func delta(a, b fact) string {
	switch {
	case a.text == b.text:
		return ""
	case a.took > 0 && b.took > 0:
		d := b.took - a.took
		sign := "+"
		if d < 0 {
			sign, d = "-", -d
		}
		return fmt.Sprintf("%s%s (%s%.0f%%)", sign, Clock(d), sign, 100*float64(d)/float64(a.took))
	case a.numeric && b.numeric:
		if d := b.number - a.number; !math.IsNaN(d) && !math.IsInf(d, 0) {
			return fmt.Sprintf("%+.4g", d)
		}
	}
	return ""
}

// short is the beginning of a digest, digest that of a text which is nothing but one.
func short(s string) string {
	if len(s) > 12 {
		return s[:12]
	}
	return s
}

func digest(s string) string {
	const whole = 64
	if len(s) != whole {
		return s
	}
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'a' || r > 'f') {
			return s
		}
	}
	return short(s)
}
