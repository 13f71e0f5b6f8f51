package main

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/event/contrast"
	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/fault"
)

func newShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show [RUN[:STAGE]]",
		Short: "Show one run: its stages, parameters and results",
		Long: `Show one run: its stages, parameters and results. RUN is the beginning of its ID, last, or last~1 for the one
before; the latest run without it. With a stage, such as last:sft or 'last:sft[seed=1]', everything about its instances.`,
		Args: cobra.MaximumNArgs(1),

		ValidArgsFunction: completeRuns,
		RunE: func(_ *cobra.Command, args []string) error {
			found, err := findRun(append(args, "")[0])
			if err != nil {
				return err
			}
			if found.stage != "" {
				nodes, err := found.nodes()
				if err != nil {
					return err
				}
				return a.print(nodes, func(w io.Writer) error { return showNodes(w, nodes) })
			}
			r := found.run
			return a.print(r, func(w io.Writer) error {
				fmt.Fprintf(w, "run %s of %s (%s), started %s, took %s, exit %d\n", r.ID, r.Recipe, r.Origin, r.Started.Local().Format(time.DateTime), contrast.Clock(r.Took()), r.Exit)
				for _, k := range slices.Sorted(maps.Keys(r.Params)) {
					fmt.Fprintf(w, "set: %s=%v\n", k, r.Params[k])
				}
				if r.Error != "" {
					fmt.Fprintf(w, "error: %s\n", r.Error)
				}
				rows := [][]string{{"STAGE", "KIND", "STATE", "TOOK", "RESULT", "WHY"}}
				for i := range r.Nodes {
					n := &r.Nodes[i]
					rows = append(rows, []string{n.ID, n.Kind, n.State, contrast.Clock(n.Took), headlines(n), n.Why})
				}
				if err := table(w, rows); err != nil {
					return err
				}
				fmt.Fprintf(w, "report: %s\n", relative(filepath.Join(found.dir, record.ReportFile)))
				return nil
			})
		},
	}
}

// showNodes tells everything about instances but their curves, which the report draws.
func showNodes(w io.Writer, nodes []*record.Node) error {
	for i, n := range nodes {
		if i > 0 {
			fmt.Fprintln(w)
		}
		rows := [][]string{{n.ID, n.Kind, n.State, contrast.Clock(n.Took), ""}}
		add := func(section, name, value, from string) {
			if value != "" {
				rows = append(rows, []string{"  " + section, name, value, from, ""})
			}
		}
		add("why", "", n.Why, "")
		for _, t := range n.Gates {
			if t.Says != n.Why {
				add("gate", "", t.Says, t.Pos)
			}
		}
		add("error", "", n.Error, n.Hint)
		for i, at := range n.Attempts {
			add("attempt", strconv.Itoa(i+1), oneLine(at.Error), contrast.Clock(at.Took))
		}
		add("key", "", n.Key, "")
		for _, p := range n.Params {
			add("parameter", p.Name, p.Value, p.Origin)
		}
		for _, in := range n.Inputs {
			add("input", in.Param, orDash(digestShort(in.Digest)), in.Label)
		}
		for _, o := range n.Outputs {
			add("output", o.Port, fmt.Sprintf("%s, %s, %d files", digestShort(o.Digest), size(o.Size), o.Files), relative(o.Path))
		}
		for _, m := range slices.Sorted(maps.Keys(n.Headline)) {
			add("result", m, fmt.Sprintf("%.6g", float64(n.Headline[m])), "")
		}
		for _, c := range n.Curves {
			add("curve", c.Metric, fmt.Sprintf("%d points", len(c.Points)), "")
		}
		for _, k := range slices.Sorted(maps.Keys(n.Notes)) {
			add("note", k, fmt.Sprint(n.Notes[k]), "")
		}
		if err := table(w, rows); err != nil {
			return err
		}
	}
	return nil
}

func digestShort(d string) string {
	if len(d) > 12 {
		return d[:12]
	}
	return d
}

// found is what RUN[:STAGE] names.
type found struct {
	run   *record.Run
	dir   string
	stage string // "", a stage, or an instance
}

// findRun loads the run that RUN or RUN:STAGE names; the latest one for an empty RUN.
func findRun(text string) (*found, error) {
	runs, err := runsDir()
	if err != nil {
		return nil, err
	}
	id, stage, _ := strings.Cut(text, ":")
	dir, err := record.Find(runs, id)
	if err != nil {
		return nil, err
	}
	r, err := record.Load(dir)
	if err != nil {
		return nil, fault.Wrap(fault.Data, err)
	}
	return &found{r, dir, stage}, nil
}

// nodes are the instances that the stage's name means: one, or all of a matrix.
func (f *found) nodes() ([]*record.Node, error) {
	var out []*record.Node
	for i := range f.run.Nodes {
		if n := &f.run.Nodes[i]; f.stage == "" || n.Called(f.stage) {
			out = append(out, n)
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Usage, "run %s has no stage %q", f.run.ID, f.stage).WithHint("belay show %s lists its stages", f.run.ID)
	}
	return out, nil
}

// headlines are a node's chief numbers in one line.
func headlines(n *record.Node) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(n.Headline)) {
		parts = append(parts, fmt.Sprintf("%s.%s=%.4g", n.ID, k, float64(n.Headline[k])))
	}
	return strings.Join(parts, " ")
}
