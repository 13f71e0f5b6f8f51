package main

import (
	"fmt"
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
	"github.com/belay-ml/belay/engine/param"
	"github.com/belay-ml/belay/engine/sched"
	"github.com/belay-ml/belay/engine/secret"
)

// hidden stands in records where a secret was.
const hidden = "[secret]"

// recordOf is what a run's record says from the start, with the values of parameters that are secret, which must
// not be in any file of the run.
func recordOf(g *engine.Graph, id string, began time.Time, params []string) (record.Run, map[string]bool) {
	host, _ := os.Hostname()
	run := record.Run{
		ID: id, Recipe: g.Recipe, Origin: g.Origin, Digest: g.Digest, Belay: version(), Host: host, Machine: surroundings(os.Environ()), Started: began,
		Params: map[string]any{},
	}
	secrets := map[string]bool{}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		var above []string
		for _, at := range reads(n) {
			above = append(above, g.Nodes[at].ID)
		}
		run.Nodes = append(run.Nodes, record.Node{
			ID: n.ID, Name: n.Name, Kind: n.Stage.Describe().Name, Reads: above, Pos: n.Pos, Params: paramsOf(g, n, secrets),
			Inputs: inputsOf(g, n), Gates: gatesOf(g, n),
		})
	}
	for _, p := range params {
		k, v, _ := strings.Cut(p, "=")
		if secrets[v] {
			v = hidden
		}
		run.Params[k] = v
	}
	return run, secrets
}

// reads are the nodes whose outputs a node takes, in order, once each.
func reads(n *engine.Node) []int {
	var from []int
	for _, v := range sorted(n.Params) {
		walk(v, func(o engine.Output) {
			if !slices.Contains(from, o.Node) {
				from = append(from, o.Node)
			}
		})
	}
	return from
}

// gatedBy are the nodes whose numbers decide whether a node runs, in order, once each.
func gatedBy(n *engine.Node) []int {
	var from []int
	for _, t := range n.Gates {
		for _, o := range t.Reads {
			if !slices.Contains(from, o.Node) {
				from = append(from, o.Node)
			}
		}
	}
	return from
}

// gatesOf are a node's gates before they are decided.
func gatesOf(g *engine.Graph, n *engine.Node) []record.Gate {
	var out []record.Gate
	for _, t := range n.Gates {
		r := record.Gate{Text: t.Text, Pos: t.Pos}
		for _, at := range gatedBy(&engine.Node{Gates: []engine.Gate{t}}) {
			r.Reads = append(r.Reads, g.Nodes[at].ID)
		}
		out = append(out, r)
	}
	return out
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

// inputsOf are the artifacts that a node reads, named as in its key.
func inputsOf(g *engine.Graph, n *engine.Node) []record.Input {
	var out []record.Input
	var add func(path string, v any)
	add = func(path string, v any) {
		switch v := v.(type) {
		case engine.Output:
			out = append(out, record.Input{Param: path, Label: valueText(g, v), Node: g.Nodes[v.Node].ID, Port: v.Port, Sub: v.Sub})
		case engine.Source:
			st, err := os.Stat(v.Path)
			out = append(out, record.Input{Param: path, Label: v.As, Dir: err == nil && st.IsDir()})
		case []any:
			for i, e := range v {
				add(key.Index(path, i), e)
			}
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				add(key.Path(path, k), v[k])
			}
		}
	}
	add("", n.Params)
	return out
}

// paramsOf are a node's parameters as a person compares them. The values of secret ones are left out and
// collected in secrets.
func paramsOf(g *engine.Graph, n *engine.Node, secrets map[string]bool) []record.Param {
	schema, err := param.Of(n.Stage.Describe().Params)
	if err != nil {
		return nil // the scheduler tells the error
	}
	hiddenFields := map[string]bool{}
	for _, f := range schema.Fields {
		hiddenFields[f.Name] = f.Class == param.Secret
	}
	var out []record.Param
	for _, name := range slices.Sorted(maps.Keys(n.Params)) {
		text := valueText(g, n.Params[name])
		if _, named := n.Params[name].(secret.Text); hiddenFields[name] && text != "" && !named {
			secrets[text] = true
			text = hidden
		}
		out = append(out, record.Param{Name: name, Value: text, Origin: n.Origins[name]})
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
	return fmt.Sprint(v) // of a secret.Text the names
}

// adoptWithin is how many earlier runs are looked at for what made a result: a workspace may have thousands.
const adoptWithin = 2000

// adopt gives fresh nodes the tables and curves of the run that made their results, so that a score from an
// earlier run stands beside the new one. dir is the folder of this run. Only runs that were going on when a result was
// made are read as a whole.
func adopt(rec *record.Recorder, dir string, res *sched.Result) {
	type made struct {
		key string
		at  time.Time
	}
	wait := map[string]made{} // by node ID
	for i := range res.Nodes {
		if n := &res.Nodes[i]; n.Fresh && n.Record != nil {
			wait[n.ID] = made{string(n.Key), n.Record.Made.At}
		}
	}
	runs, seen := filepath.Dir(dir), 0
	for head, err := range record.Heads(runs) {
		if seen++; len(wait) == 0 || seen > adoptWithin {
			return
		}
		if err != nil || head.ID == filepath.Base(dir) {
			continue // `belay runs` names the damaged ones
		}
		var in []string
		for _, id := range slices.Sorted(maps.Keys(wait)) {
			// A result's time is that of its beginning, in whole seconds.
			if at := wait[id].at; !at.Before(head.Started.Truncate(time.Second)) && (head.Finished.IsZero() || !at.After(head.Finished)) {
				in = append(in, id)
			}
		}
		if len(in) == 0 {
			continue
		}
		run, err := record.Load(filepath.Join(runs, head.ID))
		if err != nil {
			continue
		}
		for _, id := range in {
			if from := record.Made([]record.Run{*run}, wait[id].key); from != nil {
				rec.Update(id, func(n *record.Node) { n.Adopt(from) })
				delete(wait, id)
			}
		}
	}
}

// fill adds what only the scheduler knows to a node's record.
func fill(g *engine.Graph, r *record.Node, n *sched.NodeResult) {
	r.Key, r.Why, r.Took = string(n.Key), n.Why, n.Took
	r.State = n.State.String()
	if n.Fresh {
		r.State = "fresh"
	}
	r.Parts = partsOf(n.Parts)
	r.Attempts = nil
	for _, a := range n.Attempts {
		r.Attempts = append(r.Attempts, record.Attempt{Error: a.Err.Error(), Class: string(a.Class), Took: a.Took, Wait: a.Wait})
	}
	if n.Err != nil {
		r.Error, r.Hint = n.Err.Error(), fault.HintOf(n.Err)
	}
	for i, t := range n.Gates {
		if i < len(r.Gates) {
			r.Gates[i].Door, r.Gates[i].Says = string(t.Door), t.String()
		}
	}
	if n.Node != nil && len(n.Parts.Inputs) < len(r.Inputs) {
		// A list over a matrix may have left something out.
		r.Inputs, r.Params = inputsOf(g, n.Node), paramsOf(g, n.Node, map[string]bool{})
	}
	for i := range r.Inputs {
		r.Inputs[i].Digest = string(n.Parts.Inputs[r.Inputs[i].Param])
	}
	if n.Record == nil {
		return
	}
	m := n.Record.Made
	r.Made = &record.Making{Belay: m.Belay, Host: m.Host, Recipe: m.Recipe, At: m.At, Took: m.Took}
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
	for _, x := range partsIn(p) {
		switch x.Part {
		case key.PartFormat, key.PartVersion:
		case key.PartStage:
			out = append(out, record.Part{Name: "stage", Value: fmt.Sprintf("%s version %d", p.Stage, p.Version)})
		case key.PartBackend:
			out = append(out, record.Part{Name: "backend", Value: x.Value})
		case key.PartEnv:
			out = append(out, record.Part{Name: "environment " + x.Path, Value: x.Value})
		default:
			out = append(out, record.Part{Name: string(x.Part) + " " + x.Path, Value: x.Value})
		}
	}
	return out
}
