package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/event/contrast"
	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/fault"
)

// diffFlags choose rows.
type diffFlags struct {
	all      bool
	sections []string
}

func newDiff(a *app) *cobra.Command {
	var f diffFlags
	c := &cobra.Command{
		Use:   "diff RUN[:STAGE] RUN[:STAGE]",
		Short: "Compare the parameters, times and results of two runs",
		Long: `Compare two runs: how they were called and ended, and of every stage its state, time, parameters, key and results.
Only what differs is shown, unless --all asks for everything. RUN is the beginning of an ID, last, or last~1 for the one
before. With a stage, that stage alone; two cells of a matrix are compared by naming both:

  belay diff last~1 last
  belay diff last~1:sft last:sft
  belay diff 'last:sft[seed=1]' 'last:sft[seed=2]'`,
		Args: cobra.ExactArgs(2),

		ValidArgsFunction: completeRuns,
		RunE:              func(_ *cobra.Command, args []string) error { return a.diff(args[0], args[1], f) },
	}
	c.Flags().BoolVar(&f.all, "all", false, "also show what is the same")
	c.Flags().StringSliceVar(&f.sections, "only", nil, "only these sections: run, state, time, parameter, key, result")
	return c
}

func (a *app) diff(x, y string, f diffFlags) error {
	for _, s := range f.sections {
		if !slices.Contains([]string{contrast.Run, contrast.State, contrast.Time, contrast.Parameter, contrast.Key, contrast.Result}, s) {
			return fault.New(fault.Usage, "--only %s: want run, state, time, parameter, key or result", s)
		}
	}
	left, err := findRun(x)
	if err != nil {
		return err
	}
	right, err := findRun(y)
	if err != nil {
		return err
	}
	rows, err := compareRuns(left, right)
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(r contrast.Row) bool {
		return r.Same && !f.all || len(f.sections) > 0 && !slices.Contains(f.sections, r.Section)
	})
	if rows == nil {
		rows = []contrast.Row{}
	}
	return a.print(rows, func(w io.Writer) error {
		if len(rows) == 0 {
			_, err := fmt.Fprintln(w, "no difference in parameters, times or results")
			return err
		}
		out := [][]string{{"STAGE", "SECTION", "WHAT", left.title(right), right.title(left), "CHANGE"}}
		for _, r := range rows {
			out = append(out, []string{orDash(r.Stage), r.Section, r.What, orDash(oneLine(r.A)), orDash(oneLine(r.B)), r.Delta})
		}
		return table(w, out)
	})
}

// compareRuns sets the named runs, stages or cells side by side. A stage named on one side is meant on both.
func compareRuns(x, y *found) ([]contrast.Row, error) {
	if x.stage == "" && y.stage == "" {
		return contrast.Runs(x.run, y.run), nil
	}
	if x.stage == "" {
		x.stage = y.stage
	}
	if y.stage == "" {
		y.stage = x.stage
	}
	left, err := x.nodes()
	if err != nil {
		return nil, err
	}
	right, err := y.nodes()
	if err != nil {
		return nil, err
	}
	if len(left) == 1 && len(right) == 1 {
		return contrast.Nodes(left[0], right[0]), nil
	}
	if x.stage != y.stage {
		return nil, fault.New(fault.Usage, "%s and %s name %d and %d instances", x.stage, y.stage, len(left), len(right)).
			WithHint("name one cell on each side, as in %q", left[0].ID)
	}
	return contrast.Stages(values(left), values(right)), nil
}

// title heads the column of one side: what tells it from the other.
func (f *found) title(other *found) string {
	switch {
	case f.stage == other.stage:
		return f.run.ID
	case f.run.ID == other.run.ID:
		return f.stage
	}
	return f.run.ID + ":" + f.stage
}

func values(nodes []*record.Node) []record.Node {
	out := make([]record.Node, len(nodes))
	for i, n := range nodes {
		out[i] = *n
	}
	return out
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// oneLine is the first line of a text, bounded, for a table.
func oneLine(s string) string {
	const most = 60
	r := []rune(s)
	for i, c := range r {
		if c == '\n' || i == most {
			return string(r[:i]) + "…"
		}
	}
	return s
}
