package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/sched"
)

func newPlan(a *app) *cobra.Command {
	var f recipeFlags
	var remote bool
	c := &cobra.Command{
		Use:   "plan RECIPE",
		Short: "Show which stages are fresh or stale, and why",
		Args:  cobra.ExactArgs(1),

		ValidArgsFunction: completeRecipe(false),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := a.project(args[0], f)
			if err != nil {
				return err
			}
			opt := runFlags{}.options(nil)
			if remote {
				st, err := a.store(p.space)
				if err != nil {
					return err
				}
				defer st.Close()
				if opt.Remote, err = a.lookout(c.Context(), p.space, st); err != nil {
					return err
				}
			}
			return a.plan(c.Context(), p, opt)
		},
	}
	f.register(c)
	c.Flags().BoolVar(&remote, "remote", false, "look for results in the remote too")
	return c
}

func (a *app) planned(ctx context.Context, p *project, opt sched.Options) (*sched.Planned, error) {
	st, err := a.store(p.space)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	return sched.Plan(ctx, p.graph, st, opt)
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

func (a *app) plan(ctx context.Context, p *project, opt sched.Options) error {
	planned, err := a.planned(ctx, p, opt)
	if err != nil {
		return err
	}
	js := []planJSON{}
	rows := [][]string{{"STAGE", "KIND", "STATUS", "SIZE", "TOOK", "WHY"}}
	for i := range planned.Nodes {
		n := &planned.Nodes[i]
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
