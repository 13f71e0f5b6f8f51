package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/sched"
	"github.com/belay-ml/belay/engine/store"
)

func newPlan(a *app) *cobra.Command {
	var f recipeFlags
	var remote bool
	c := &cobra.Command{
		Use:   "plan RECIPE [STAGE...]",
		Short: "Show which stages are fresh or stale, and why",
		Long: `Show what a run would do: a line for every stage with what changed since its last success, and where in the recipe.
"belay run --dry-run" shows the same for a run's flags.`,
		Args: cobra.MinimumNArgs(1),

		ValidArgsFunction: completeRecipe(true),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := a.project(c.Context(), args[0], f)
			if err != nil {
				return err
			}
			opt := runFlags{}.options(args[1:])
			if remote {
				st, err := a.store(p.space)
				if err != nil {
					return err
				}
				defer st.Close()
				at, end, err := a.lookout(c.Context(), p.space, st)
				if err != nil {
					return err
				}
				defer end()
				opt.Remote = at
			}
			return a.plan(c.Context(), p, opt)
		},
	}
	f.register(c)
	c.Flags().BoolVar(&remote, "remote", false, "look for results in the remote too")
	f.registerLocked(c)
	return c
}

func (a *app) planned(ctx context.Context, p *project, opt sched.Options) (*sched.Planned, error) {
	st, err := a.store(p.space)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	return a.plannedIn(ctx, p, st, opt)
}

// plannedIn is planned with an open store.
func (a *app) plannedIn(ctx context.Context, p *project, st *store.Store, opt sched.Options) (*sched.Planned, error) {
	return sched.Plan(ctx, p.graph, st, a.locked(p, opt))
}

// planJSON is one stage of `belay plan --json`.
type planJSON struct {
	ID      string       `json:"id"`
	Kind    string       `json:"kind"`
	Status  string       `json:"status"`
	Why     string       `json:"why,omitempty"`
	Cause   string       `json:"cause,omitempty"`   // never ran, changed, upstream, forced ...
	Because string       `json:"because,omitempty"` // the root cause: "data: parameter style: ..."
	Changes []key.Change `json:"changes,omitempty"`
	Key     string       `json:"key,omitempty"`
	Bytes   int64        `json:"bytes,omitempty"`
	Seconds float64      `json:"seconds,omitempty"`
	Pos     string       `json:"pos,omitempty"`
	Gates   []gateJSON   `json:"gates,omitempty"`
	Made    *madeJSON    `json:"made,omitempty"` // of fresh ones
	Last    *lastJSON    `json:"last,omitempty"` // of stale ones that succeeded before
}

// gateJSON is a condition on the numbers of other stages.
type gateJSON struct {
	Text    string       `json:"text"` // as the recipe has it
	Pos     string       `json:"pos"`
	Reads   []string     `json:"reads"`           // ports: "evaluate.metrics"
	Door    string       `json:"door"`            // open, shut, or waiting for what it reads
	After   string       `json:"after,omitempty"` // what it waits for
	Says    string       `json:"says"`            // with the numbers in it
	Numbers []numberJSON `json:"numbers,omitempty"`
}

// numberJSON is a number that a gate read.
type numberJSON struct {
	From  string       `json:"from"` // the port
	Name  string       `json:"name"`
	Value event.Number `json:"value"`
}

func gatesJSON(g *engine.Graph, gates []sched.Gate) []gateJSON {
	var out []gateJSON
	for _, t := range gates {
		j := gateJSON{Text: t.Text, Pos: t.Pos, Reads: []string{}, Door: string(t.Door), After: t.After, Says: t.String()}
		for _, o := range t.Reads {
			j.Reads = append(j.Reads, valueText(g, o))
		}
		for _, r := range t.Verdict.Read {
			j.Numbers = append(j.Numbers, numberJSON{From: j.Reads[r.From], Name: r.Name, Value: event.Number(r.Value)})
		}
		out = append(out, j)
	}
	return out
}

// madeJSON says what made a result.
type madeJSON struct {
	At     time.Time `json:"at"`
	Host   string    `json:"host,omitempty"`
	Recipe string    `json:"recipe,omitempty"`
	Stage  string    `json:"stage,omitempty"`
	Belay  string    `json:"belay,omitempty"`
	Run    string    `json:"run,omitempty"` // explain alone looks for it
}

type lastJSON struct {
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds"`
	Key     string    `json:"key"`
}

func planOf(g *engine.Graph, n *sched.NodePlan) planJSON {
	j := planJSON{
		ID: n.ID, Kind: n.Stage, Status: string(n.Status), Why: n.Why, Cause: string(n.Reason.Cause), Because: n.Reason.Because,
		Changes: n.Reason.Changes, Key: string(n.Key), Bytes: n.Bytes, Seconds: n.Took.Seconds(), Pos: n.Pos,
		Gates: gatesJSON(g, n.Gates),
	}
	if r := n.Record; r != nil {
		j.Made = &madeJSON{At: r.Made.At, Host: r.Made.Host, Recipe: r.Made.Recipe, Stage: r.Made.Node, Belay: r.Made.Belay}
	}
	if l := n.Last; l != nil {
		j.Last = &lastJSON{At: l.At, Seconds: l.Took.Seconds(), Key: string(l.Key)}
	}
	return j
}

func (a *app) plan(ctx context.Context, p *project, opt sched.Options) error {
	planned, err := a.planned(ctx, p, opt)
	if err != nil {
		return err
	}
	js := []planJSON{}
	ink := a.ink()
	rows := [][]string{{"STAGE", "STATUS", "SIZE", "TOOK", "WHY"}}
	for i := range planned.Nodes {
		n := &planned.Nodes[i]
		if !n.Wanted {
			continue
		}
		js = append(js, planOf(p.graph, n))
		took, bytes := "", ""
		if n.Took > 0 {
			took = n.Took.Round(time.Millisecond).String()
		}
		if n.Bytes > 0 {
			bytes = size(n.Bytes)
		}
		why := n.Why
		if r := n.Record; r != nil && (r.Made.Recipe != p.graph.Recipe || r.Made.Node != n.ID) {
			why = fmt.Sprintf("made as %s of recipe %s", r.Made.Node, r.Made.Recipe)
		}
		rows = append(rows, []string{n.ID, ink.status(n.Status), bytes, took, why})
	}
	return a.print(js, func(w io.Writer) error {
		if err := table(w, rows); err != nil {
			return err
		}
		_, err := fmt.Fprintln(w, ink.bold(totals(planned)))
		return err
	})
}

// totals is the last line of a plan.
func totals(p *sched.Planned) string {
	all, off, unknown, shared, gated := 0, 0, 0, 0, 0
	var took time.Duration
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if !n.Wanted {
			continue
		}
		all++
		switch n.Status {
		case sched.Off:
			off++
		case sched.Shared:
			shared++
		case sched.Gated:
			gated++
		case sched.Stale, sched.Busy:
			if n.Last == nil {
				unknown++
			}
			took += n.Took
		}
	}
	sure, maybe := p.Stale()
	text := fmt.Sprintf("%d of %d stages would run", sure, all)
	switch {
	case sure+maybe+gated == 0 && shared > 0:
		text = fmt.Sprintf("nothing to do but to pull: %d of %d stages are fresh", all-off-shared, all)
	case sure+maybe+gated == 0 && off == 0:
		text = fmt.Sprintf("nothing to do: all %d stages are fresh", all)
	case sure+maybe+gated == 0:
		text = fmt.Sprintf("nothing to do: %d of %d stages are fresh", all-off, all)
	case sure > 0 && unknown < sure:
		text += ", about " + about(took) + " by last durations"
		if unknown > 0 {
			text += fmt.Sprintf(" and %d that never ran", unknown)
		}
	}
	if shared > 0 {
		text += fmt.Sprintf(", %d in the remote", shared)
	}
	if maybe > 0 {
		text += fmt.Sprintf(", %d maybe", maybe)
	}
	if gated > 0 {
		text += fmt.Sprintf(", %d gated", gated)
	}
	if off > 0 {
		text += fmt.Sprintf(", %d switched off", off)
	}
	return text
}

// about is a duration without more digits than it is worth.
func about(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
