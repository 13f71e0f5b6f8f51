package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/event/record"
)

// difference is one row of `belay diff`.
type difference struct {
	Stage string `json:"stage"`
	What  string `json:"what"`
	A     string `json:"a"`
	B     string `json:"b"`
}

func newDiff(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "diff RUN RUN",
		Short: "Compare the parameters and results of two runs",
		Args:  cobra.ExactArgs(2),

		ValidArgsFunction: completeRuns,
		RunE: func(_ *cobra.Command, args []string) error {
			x, _, err := findRun(args[0])
			if err != nil {
				return err
			}
			y, _, err := findRun(args[1])
			if err != nil {
				return err
			}
			diffs := differences(x, y)
			return a.print(diffs, func(w io.Writer) error {
				if len(diffs) == 0 {
					_, err := fmt.Fprintln(w, "no difference in parameters or results")
					return err
				}
				rows := [][]string{{"STAGE", "WHAT", x.ID, y.ID}}
				for _, d := range diffs {
					rows = append(rows, []string{d.Stage, d.What, d.A, d.B})
				}
				return table(w, rows)
			})
		},
	}
}

func differences(x, y *record.Run) []difference {
	out := []difference{}
	var ids []string
	for _, r := range []*record.Run{x, y} {
		for _, n := range r.Nodes {
			if !slices.Contains(ids, n.ID) {
				ids = append(ids, n.ID)
			}
		}
	}
	for _, id := range ids {
		fx, fy := facts(x.Node(id)), facts(y.Node(id))
		both := maps.Clone(fx)
		maps.Copy(both, fy)
		for _, k := range slices.Sorted(maps.Keys(both)) {
			if fx[k] != fy[k] {
				out = append(out, difference{id, k, fx[k], fy[k]})
			}
		}
	}
	return out
}

// facts are what two runs of a stage are compared by.
func facts(n *record.Node) map[string]string {
	f := map[string]string{}
	if n == nil {
		return f
	}
	for _, p := range n.Params {
		f[p.Name] = p.Value
	}
	for k, v := range n.Headline {
		f["result "+k] = strconv.FormatFloat(float64(v), 'g', 6, 64)
	}
	return f
}
