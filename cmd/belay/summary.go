package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/sched"
)

// ending is what is told at the end of a run.
type ending struct {
	graph *engine.Graph
	res   *sched.Result
	took  time.Duration
	err   error
	run   *record.Run // nil when there was nothing to do
	page  string      // the report
}

// summary is the end of a run for a person, or the result for a machine.
func (a *app) summary(e ending) error {
	ran, fresh, skipped, pulled := 0, 0, 0, 0
	for i := range e.res.Nodes {
		switch n := &e.res.Nodes[i]; {
		case n.Fresh:
			fresh++
			if n.Pulled {
				pulled++
			}
		case n.State == sched.Done:
			ran++
		case n.State == sched.Skipped:
			skipped++
		}
	}
	links := e.links()
	if e.run == nil && e.err == nil {
		text := e.graph.Recipe + ": nothing to do"
		switch {
		case fresh == 1:
			text += ", its one stage is fresh"
		case fresh > 1:
			text += fmt.Sprintf(", all %d stages are fresh", fresh)
		}
		if skipped > 0 {
			text += fmt.Sprintf(", %d switched off", skipped)
		}
		a.say(fmt.Sprintf("%s (%s)", text, e.took.Round(time.Millisecond)))
	} else {
		text := fmt.Sprintf("%d stages ran, %d fresh", ran, fresh)
		if ran == 1 {
			text = fmt.Sprintf("1 stage ran, %d fresh", fresh)
		}
		if pulled > 0 {
			text += fmt.Sprintf(" (%d from the remote)", pulled)
		}
		for _, c := range []struct {
			n    int
			what string
		}{{e.res.Count(sched.Failed), "failed"}, {skipped, "skipped"}, {e.res.Count(sched.Cancelled), "cancelled"}} {
			if c.n > 0 {
				text += fmt.Sprintf(", %d %s", c.n, c.what)
			}
		}
		a.say(text + " in " + e.took.Round(time.Millisecond).String())
	}
	for _, l := range links {
		a.say(fmt.Sprintf("  %s: %s", l.Name, relative(l.Path)))
	}
	if e.page != "" {
		a.say("report: " + relative(e.page))
	}
	if e.res.Count(sched.Cancelled) > 0 {
		a.say("cancelled: the same command goes on from here")
	}
	if !a.json {
		return nil
	}
	return a.print(e.result(links), func(io.Writer) error { return nil })
}

// links are the outputs in the order of the recipe; the scheduler has them in the order in which stages ended.
func (e ending) links() []sched.Linked {
	order := map[string]int{}
	for i, l := range e.graph.Outputs {
		order[l.Name] = i
	}
	return slices.SortedStableFunc(slices.Values(e.res.Links), func(x, y sched.Linked) int { return order[x.Name] - order[y.Name] })
}

// nodeJSON is one stage in the result of `belay run --json`.
type nodeJSON struct {
	ID      string                  `json:"id"`
	State   string                  `json:"state"`
	Fresh   bool                    `json:"fresh,omitempty"`
	Pulled  bool                    `json:"pulled,omitempty"` // fresh by the remote
	Why     string                  `json:"why,omitempty"`
	Key     string                  `json:"key,omitempty"`
	Seconds float64                 `json:"seconds,omitempty"`
	Error   string                  `json:"error,omitempty"`
	Results map[string]event.Number `json:"results,omitempty"`
	Outputs map[string]string       `json:"outputs,omitempty"`
}

type runJSON struct {
	Recipe  string            `json:"recipe"`
	Run     string            `json:"run,omitempty"` // empty when there was nothing to do
	Exit    int               `json:"exit"`
	Seconds float64           `json:"seconds"`
	Stages  []nodeJSON        `json:"stages"`
	Outputs map[string]string `json:"outputs,omitempty"`
	Report  string            `json:"report,omitempty"`
}

func (e ending) result(links []sched.Linked) runJSON {
	out := runJSON{
		Recipe: e.graph.Recipe, Exit: fault.CodeOf(e.err), Seconds: e.took.Seconds(), Stages: []nodeJSON{},
		Outputs: map[string]string{}, Report: e.page,
	}
	if e.run != nil {
		out.Run = e.run.ID
	}
	for i := range e.res.Nodes {
		n := &e.res.Nodes[i]
		if n.State == sched.Unknown {
			continue // not wanted
		}
		j := nodeJSON{ID: n.ID, State: n.State.String(), Fresh: n.Fresh, Pulled: n.Pulled, Why: n.Why, Key: string(n.Key), Seconds: n.Took.Seconds()}
		if n.Err != nil {
			j.Error = strings.TrimSpace(n.Err.Error())
		}
		if e.run != nil {
			if r := e.run.Node(n.ID); r != nil {
				j.Results = r.Headline
			}
		}
		if n.Record != nil {
			j.Outputs = map[string]string{}
			for _, p := range n.Record.PortNames() {
				j.Outputs[p] = n.Record.Path(p)
			}
		}
		out.Stages = append(out.Stages, j)
	}
	for _, l := range links {
		out.Outputs[l.Name] = l.Path
	}
	return out
}
