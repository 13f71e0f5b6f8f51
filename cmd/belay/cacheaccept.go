package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/sched"
)

func newCacheAccept(a *app) *cobra.Command {
	var f recipeFlags
	c := &cobra.Command{
		Use:   "accept RECIPE [STAGE...]",
		Short: "Keep results that only a new version of belay makes stale",
		Long: `Keep the last results of stages of which nothing changed but the version of their code, as after an upgrade of
belay: a person says that the new code would make the same. With STAGE names, only of those and what they need.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRecipe(true),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := a.project(c.Context(), args[0], f)
			if err != nil {
				return err
			}
			st, err := a.store(p.space)
			if err != nil {
				return err
			}
			defer st.Close()
			nodes, err := sched.Accept(c.Context(), p.graph, st, a.locked(p, runFlags{}.options(args[1:])))
			if err != nil {
				return err
			}
			return a.print(acceptedJSON(nodes), func(w io.Writer) error {
				for i := range nodes {
					fmt.Fprintf(w, "%s: %s\n", nodes[i].ID, nodes[i].Why)
				}
				if len(nodes) == 1 {
					_, err := fmt.Fprintln(w, "1 result accepted")
					return err
				}
				_, err := fmt.Fprintf(w, "%d results accepted\n", len(nodes))
				return err
			})
		},
	}
	f.register(c)
	return c
}

// acceptJSON is one stage of `belay cache accept --json`.
type acceptJSON struct {
	ID       string `json:"id"`
	Why      string `json:"why"`
	Key      string `json:"key"`
	From     string `json:"from"`
	Artifact string `json:"artifact"`
}

func acceptedJSON(nodes []sched.NodePlan) []acceptJSON {
	out := []acceptJSON{}
	for i := range nodes {
		n := &nodes[i]
		out = append(out, acceptJSON{ID: n.ID, Why: n.Why, Key: string(n.Key), From: string(n.Last.Key), Artifact: string(n.Last.Artifact)})
	}
	return out
}
