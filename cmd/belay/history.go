package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/sched"
)

// recordOf is what a run's record says from the start.
func recordOf(g *engine.Graph, id string, began time.Time, params []string) record.Run {
	host, _ := os.Hostname()
	run := record.Run{
		ID: id, Recipe: g.Recipe, Origin: g.Origin, Digest: g.Digest, Belay: version(), Host: host, Started: began,
		Params: map[string]any{},
	}
	for _, p := range params {
		k, v, _ := strings.Cut(p, "=")
		run.Params[k] = v
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		run.Nodes = append(run.Nodes, record.Node{
			ID: n.ID, Name: n.Name, Kind: n.Stage.Describe().Name, Reads: reads(g, n), Pos: n.Pos, Params: paramsOf(g, n),
		})
	}
	return run
}

// reads are the IDs of the nodes whose outputs a node takes, in order, once each.
func reads(g *engine.Graph, n *engine.Node) []string {
	var ids []string
	add := func(at int) {
		if id := g.Nodes[at].ID; !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, v := range sorted(n.Params) {
		walk(v, func(o engine.Output) { add(o.Node) })
	}
	return ids
}

func sorted(m map[string]any) []any {
	var out []any
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}

// walk calls f with every output of another node inside a value.
func walk(v any, f func(engine.Output)) {
	switch v := v.(type) {
	case engine.Output:
		f(v)
	case []any:
		for _, e := range v {
			walk(e, f)
		}
	case map[string]any:
		for _, e := range sorted(v) {
			walk(e, f)
		}
	}
}

// paramsOf are a node's parameters as a person compares them.
func paramsOf(g *engine.Graph, n *engine.Node) []record.Param {
	var out []record.Param
	for _, name := range slices.Sorted(maps.Keys(n.Params)) {
		out = append(out, record.Param{Name: name, Value: valueText(g, n.Params[name]), Origin: n.Origins[name]})
	}
	return out
}

func valueText(g *engine.Graph, v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case engine.Output:
		text := g.Nodes[v.Node].ID + "." + v.Port
		if v.Sub != "" {
			text += "/" + v.Sub
		}
		return text
	case engine.Source:
		return v.As
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = valueText(g, e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, k+": "+valueText(g, v[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(v)
}

// fill adds what only the scheduler knows to a node's record.
func fill(r *record.Node, n *sched.NodeResult) {
	r.Key, r.Why, r.Took = string(n.Key), n.Why, n.Took
	r.State = n.State.String()
	if n.Fresh {
		r.State = "fresh"
	}
	r.Parts = partsOf(n.Parts)
	if n.Err != nil {
		r.Error, r.Hint = n.Err.Error(), fault.HintOf(n.Err)
	}
	if n.Record == nil {
		return
	}
	r.Notes = n.Record.Notes
	r.Outputs = nil
	for _, port := range n.Record.PortNames() {
		c := n.Record.Ports[port]
		files := 0
		for _, f := range n.Record.Files {
			if c.Path == "." || f.Path == c.Path || strings.HasPrefix(f.Path, c.Path+"/") {
				files++
			}
		}
		r.Outputs = append(r.Outputs, record.Output{
			Port: port, Kind: string(c.Kind), Path: n.Record.Path(port), Digest: string(c.Digest), Size: c.Bytes, Files: files,
		})
	}
}

func partsOf(p key.Parts) []record.Part {
	var out []record.Part
	if p.Stage == "" {
		return nil
	}
	out = append(out, record.Part{Name: "stage", Value: fmt.Sprintf("%s version %d", p.Stage, p.Version)})
	for _, n := range slices.Sorted(maps.Keys(p.Params)) {
		out = append(out, record.Part{Name: "parameter " + n, Value: p.Params[n]})
	}
	for _, n := range slices.Sorted(maps.Keys(p.Inputs)) {
		out = append(out, record.Part{Name: "input " + n, Value: string(p.Inputs[n])})
	}
	for _, n := range slices.Sorted(maps.Keys(p.Env)) {
		out = append(out, record.Part{Name: "environment " + n, Value: p.Env[n]})
	}
	if p.Backend != "" {
		out = append(out, record.Part{Name: "backend", Value: p.Backend})
	}
	return out
}

// summary is the end of a run for a person, or the result for a machine.
func (a *app) summary(res *sched.Result, took time.Duration, page string) {
	if a.json {
		if err := a.print(resultJSON(res), nil); err != nil {
			fmt.Fprintln(a.stderr, "belay:", err)
		}
		return
	}
	if a.quiet || a.logFormat == "json" {
		return
	}
	ran, fresh := 0, 0
	for i := range res.Nodes {
		switch n := &res.Nodes[i]; {
		case n.Fresh:
			fresh++
		case n.State == sched.Done:
			ran++
		}
	}
	fmt.Fprintf(a.stderr, "%d stages ran, %d fresh, %d failed in %s\n", ran, fresh, res.Count(sched.Failed), took.Round(time.Millisecond))
	a.links(res)
	fmt.Fprintf(a.stderr, "report: %s\n", relative(page))
}

func (a *app) links(res *sched.Result) {
	for _, l := range res.Links {
		fmt.Fprintf(a.stderr, "  %s: %s\n", l.Name, relative(l.Path))
	}
}

// relative shortens a path where it lies below the current directory.
func relative(path string) string {
	dir, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(dir, path); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return path
}

// nodeJSON is one stage in the result of `belay run --json`.
type nodeJSON struct {
	ID      string            `json:"id"`
	State   string            `json:"state"`
	Fresh   bool              `json:"fresh,omitempty"`
	Why     string            `json:"why,omitempty"`
	Key     string            `json:"key,omitempty"`
	Seconds float64           `json:"seconds,omitempty"`
	Error   string            `json:"error,omitempty"`
	Outputs map[string]string `json:"outputs,omitempty"`
}

type runJSON struct {
	Stages  []nodeJSON        `json:"stages"`
	Outputs map[string]string `json:"outputs,omitempty"`
}

func resultJSON(res *sched.Result) runJSON {
	out := runJSON{Outputs: map[string]string{}}
	for i := range res.Nodes {
		n := &res.Nodes[i]
		j := nodeJSON{ID: n.ID, State: n.State.String(), Fresh: n.Fresh, Why: n.Why, Key: string(n.Key), Seconds: n.Took.Seconds()}
		if n.Err != nil {
			j.Error = n.Err.Error()
		}
		if n.Record != nil {
			j.Outputs = map[string]string{}
			for _, p := range n.Record.PortNames() {
				j.Outputs[p] = n.Record.Path(p)
			}
		}
		out.Stages = append(out.Stages, j)
	}
	for _, l := range res.Links {
		out.Outputs[l.Name] = l.Path
	}
	return out
}

// table writes rows in aligned columns.
func table(w io.Writer, rows [][]string) error {
	widths := []int{}
	for _, r := range rows {
		for i, c := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(c)))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		for i, c := range r {
			b.WriteString(c)
			if i < len(r)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-len([]rune(c))+2))
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// size is a number of bytes for a person.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/unit, 0
	for v >= unit && i < 4 {
		v, i = v/unit, i+1
	}
	return fmt.Sprintf("%.1f %ciB", v, "KMGTP"[i])
}
