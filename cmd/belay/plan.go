package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/sched"
)

func newPlan(a *app) *cobra.Command {
	var f recipeFlags
	c := &cobra.Command{
		Use:   "plan RECIPE",
		Short: "Show which stages are fresh or stale, and why",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			g, err := a.compile(args[0], f)
			if err != nil {
				return err
			}
			return a.plan(c.Context(), args[0], g, runFlags{}.options(nil))
		},
	}
	f.register(c)
	return c
}

func newExplain(a *app) *cobra.Command {
	var f recipeFlags
	c := &cobra.Command{
		Use:   "explain RECIPE STAGE",
		Short: "Show what a stage's key is made of, and what changed since its last success",
		Args:  cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			g, err := a.compile(args[0], f)
			if err != nil {
				return err
			}
			p, err := a.planned(c.Context(), args[0], g, runFlags{}.options(nil))
			if err != nil {
				return err
			}
			return a.explain(g, p, args[1])
		},
	}
	f.register(c)
	return c
}

func newCheck(a *app) *cobra.Command {
	var f recipeFlags
	c := &cobra.Command{
		Use:   "check RECIPE...",
		Short: "Find every mistake in recipes, without running anything",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var failed error
			for _, path := range args {
				g, err := a.compile(path, f)
				if err != nil {
					failed = err
					continue
				}
				if !a.quiet {
					fmt.Fprintf(a.stdout, "%s: %d stages, no mistakes found\n", path, len(g.Nodes))
				}
			}
			return failed
		},
	}
	f.register(c)
	return c
}

func (a *app) planned(ctx context.Context, recipe string, g *engine.Graph, opt sched.Options) (*sched.Planned, error) {
	st, err := a.store(recipe)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	return sched.Plan(ctx, g, st, opt)
}

// planJSON is one stage of `belay plan --json`.
type planJSON struct {
	ID      string   `json:"id"`
	Kind    string   `json:"kind"`
	Status  string   `json:"status"`
	Why     string   `json:"why,omitempty"`
	Changes []string `json:"changes,omitempty"`
	Key     string   `json:"key,omitempty"`
	Bytes   int64    `json:"bytes,omitempty"`
	Seconds float64  `json:"seconds,omitempty"`
	Pos     string   `json:"pos,omitempty"`
}

func (a *app) plan(ctx context.Context, recipe string, g *engine.Graph, opt sched.Options) error {
	p, err := a.planned(ctx, recipe, g, opt)
	if err != nil {
		return err
	}
	var js []planJSON
	rows := [][]string{{"STAGE", "KIND", "STATUS", "SIZE", "TOOK", "WHY"}}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if !n.Wanted {
			continue
		}
		j := planJSON{ID: n.ID, Kind: n.Stage, Status: string(n.Status), Why: n.Why, Key: string(n.Key), Bytes: n.Bytes, Seconds: n.Took.Seconds(), Pos: n.Pos}
		for _, c := range n.Changes {
			j.Changes = append(j.Changes, c.String())
		}
		js = append(js, j)
		took, bytes := "", ""
		if n.Took > 0 {
			took = n.Took.Round(time.Millisecond).String()
		}
		if n.Bytes > 0 {
			bytes = size(n.Bytes)
		}
		rows = append(rows, []string{n.ID, n.Stage, string(n.Status), bytes, took, n.Why})
	}
	return a.print(js, func(w io.Writer) error { return table(w, rows) })
}

// explanation is `belay explain --json`.
type explanation struct {
	planJSON
	Parts   []partJSON        `json:"parts"`
	Origins map[string]string `json:"origins,omitempty"`
}

type partJSON struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (a *app) explain(g *engine.Graph, p *sched.Planned, stage string) error {
	var out []explanation
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if n.ID != stage && g.Nodes[i].Name != stage {
			continue
		}
		e := explanation{
			planJSON: planJSON{ID: n.ID, Kind: n.Stage, Status: string(n.Status), Why: n.Why, Key: string(n.Key), Pos: n.Pos},
			Origins:  g.Nodes[i].Origins,
		}
		for _, c := range n.Changes {
			e.Changes = append(e.Changes, c.String())
		}
		for _, part := range partsOf(n.Parts) {
			e.Parts = append(e.Parts, partJSON(part))
		}
		out = append(out, e)
	}
	if len(out) == 0 {
		return fault.New(fault.Usage, "%s has no stage %q", g.Recipe, stage).WithHint("belay plan lists the stages")
	}
	return a.print(out, func(w io.Writer) error {
		for _, e := range out {
			fmt.Fprintf(w, "%s (%s, %s): %s\n", e.ID, e.Kind, e.Pos, e.Status)
			if e.Why != "" {
				fmt.Fprintf(w, "  why: %s\n", e.Why)
			}
			for _, c := range e.Changes {
				fmt.Fprintf(w, "  changed: %s%s\n", c, originOf(c, e.Origins))
			}
			if e.Key != "" {
				fmt.Fprintf(w, "  key: %s\n", e.Key)
			} else {
				fmt.Fprintln(w, "  key: depends on results that are not there yet")
			}
			rows := make([][]string, 0, len(e.Parts))
			for _, part := range e.Parts {
				rows = append(rows, []string{"    " + part.Name, part.Value, e.Origins[paramName(part.Name)]})
			}
			if err := table(w, rows); err != nil {
				return err
			}
		}
		return nil
	})
}

// paramName is the parameter that a part of a key is about: "lr" of "parameter lr", "data" of
// "input data[0]".
func paramName(part string) string {
	_, name, ok := strings.Cut(part, " ")
	if !ok {
		return ""
	}
	if at := strings.IndexAny(name, ".["); at >= 0 {
		name = name[:at]
	}
	return name
}

// originOf says where the parameter that a change is about was written.
func originOf(change string, origins map[string]string) string {
	head, _, _ := strings.Cut(change, ":")
	head = strings.TrimSuffix(head, " changed")
	if o := origins[paramName(head)]; o != "" {
		return "  (" + o + ")"
	}
	return ""
}
