package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/store"
)

// runsDir is where the runs of the current workspace are.
func runsDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	if dir, err = workspace(filepath.Join(dir, "recipe.yaml")); err != nil {
		return "", err
	}
	return filepath.Join(dir, store.Dir, "runs"), nil
}

func newRuns(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "runs",
		Short: "List the runs of this workspace",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			dir, err := runsDir()
			if err != nil {
				return err
			}
			runs, damaged := record.List(dir)
			for _, err := range damaged {
				fmt.Fprintln(a.stderr, "warning:", err)
			}
			return a.print(runs, func(w io.Writer) error {
				rows := [][]string{{"RUN", "RECIPE", "STARTED", "TOOK", "EXIT", "SCORES"}}
				for i := range runs {
					r := &runs[i]
					exit := strconv.Itoa(r.Exit)
					if r.Finished.IsZero() {
						exit = "unfinished"
					}
					rows = append(rows, []string{r.ID, r.Recipe, r.Started.Local().Format("2006-01-02 15:04"), r.Took().Round(time.Millisecond).String(), exit, headlines(r)})
				}
				return table(w, rows)
			})
		},
	}
}

// headlines are a run's chief numbers in one line.
func headlines(r *record.Run) string {
	text := ""
	for _, n := range r.Nodes {
		for _, k := range slices.Sorted(maps.Keys(n.Headline)) {
			text += fmt.Sprintf("%s.%s=%.4g ", n.ID, k, float64(n.Headline[k]))
		}
	}
	return text
}

func newShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show RUN",
		Short: "Show one run: its stages, parameters and results",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			r, dir, err := findRun(args[0])
			if err != nil {
				return err
			}
			return a.print(r, func(w io.Writer) error {
				fmt.Fprintf(w, "run %s of %s (%s), started %s, took %s, exit %d\n", r.ID, r.Recipe, r.Origin, r.Started.Local().Format(time.DateTime), r.Took().Round(time.Millisecond), r.Exit)
				if r.Error != "" {
					fmt.Fprintf(w, "error: %s\n", r.Error)
				}
				rows := [][]string{{"STAGE", "KIND", "STATE", "TOOK", "WHY", "RESULT"}}
				for _, n := range r.Nodes {
					one := record.Run{Nodes: []record.Node{n}}
					rows = append(rows, []string{n.ID, n.Kind, n.State, n.Took.Round(time.Millisecond).String(), n.Why, headlines(&one)})
				}
				if err := table(w, rows); err != nil {
					return err
				}
				fmt.Fprintf(w, "report: %s\n", relative(filepath.Join(dir, record.ReportFile)))
				return nil
			})
		},
	}
}

func findRun(id string) (*record.Run, string, error) {
	dir, err := runsDir()
	if err != nil {
		return nil, "", err
	}
	matches, err := filepath.Glob(filepath.Join(dir, id+"*"))
	if err != nil || len(matches) != 1 {
		return nil, "", fault.New(fault.Usage, "%d runs begin with %q", len(matches), id).WithHint("belay runs lists them")
	}
	r, err := record.Load(matches[0])
	return r, matches[0], err
}

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
