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
	"github.com/belay-ml/belay/engine/store"
)

// runsDir is where the runs of the current workspace are.
func runsDir() (string, error) {
	dir, err := here()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, store.Dir, "runs"), nil
}

// runsFlags choose runs and columns.
type runsFlags struct {
	recipe  string
	last    int
	failed  bool
	metrics []string
}

func newRuns(a *app) *cobra.Command {
	var f runsFlags
	c := &cobra.Command{
		Use:   "runs",
		Short: "List the runs of this workspace",
		Long: `List the runs of this workspace, the latest last: when, how long, how they ended, what was set with -p, and the
results of their stages. --metric NAME gives a result a column of its own; NAME is STAGE.METRIC or METRIC alone.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.runs(f) },
	}
	c.Flags().StringVar(&f.recipe, "recipe", "", "only runs of this recipe, by its name or file")
	c.Flags().IntVar(&f.last, "last", 0, "only the last N runs; 0 means all")
	c.Flags().BoolVar(&f.failed, "failed", false, "only runs that failed, were cancelled or never ended")
	c.Flags().StringArrayVar(&f.metrics, "metric", nil, "a column for this result: trained.final_loss")
	return c
}

func (a *app) runs(f runsFlags) error {
	if f.last < 0 {
		return fault.New(fault.Usage, "--last: want 0 or more")
	}
	dir, err := runsDir()
	if err != nil {
		return err
	}
	found := []headJSON{}
	for r, err := range record.Heads(dir) {
		if err != nil {
			a.warn(err.Error())
			continue
		}
		if f.wants(r) {
			found = append(found, headOf(r))
		}
		if len(found) == f.last && f.last > 0 {
			break
		}
	}
	slices.Reverse(found)
	return a.print(found, func(w io.Writer) error { return table(w, runRows(found, f.metrics)) })
}

func (f runsFlags) wants(r *record.Run) bool {
	if f.failed && r.State() == "done" {
		return false
	}
	return f.recipe == "" || r.Recipe == f.recipe || r.Origin == f.recipe || filepath.Clean(r.Origin) == filepath.Clean(f.recipe)
}

// headJSON is a run in `belay runs --json`.
type headJSON struct {
	ID       string          `json:"id"`
	Recipe   string          `json:"recipe"`
	Origin   string          `json:"origin"`
	Belay    string          `json:"belay,omitempty"`
	Host     string          `json:"host,omitempty"`
	Params   map[string]any  `json:"params,omitempty"`
	Started  time.Time       `json:"started"`
	Finished time.Time       `json:"finished,omitzero"`
	Seconds  float64         `json:"seconds,omitempty"`
	State    string          `json:"state"`
	Exit     int             `json:"exit"`
	Error    string          `json:"error,omitempty"`
	States   map[string]int  `json:"states"`
	Results  []record.Result `json:"results"`
}

func headOf(r *record.Run) headJSON {
	h := headJSON{
		ID: r.ID, Recipe: r.Recipe, Origin: r.Origin, Belay: r.Belay, Host: r.Host, Params: r.Params, Started: r.Started,
		Finished: r.Finished, Seconds: r.Took().Seconds(), State: r.State(), Exit: r.Exit, Error: r.Error,
		States: r.Brief.States, Results: r.Brief.Results,
	}
	if h.Results == nil {
		h.Results = []record.Result{}
	}
	if h.States == nil {
		h.States = map[string]int{}
	}
	return h
}

// runRows is the table of runs: the results in one column, or those asked for in a column each.
func runRows(runs []headJSON, metrics []string) [][]string {
	head := []string{"RUN", "RECIPE", "STARTED", "TOOK", "STATE", "STAGES", "SET"}
	if len(metrics) == 0 {
		head = append(head, "RESULTS")
	}
	rows := [][]string{append(head, metrics...)}
	for _, r := range runs {
		state := r.State
		switch {
		case state == "running":
			state = "unfinished"
		case r.Exit != 0:
			state += fmt.Sprintf(" (exit %d)", r.Exit)
		}
		took := ""
		if r.Seconds > 0 {
			took = contrast.Clock(time.Duration(r.Seconds * float64(time.Second)))
		}
		var set []string
		for _, k := range slices.Sorted(maps.Keys(r.Params)) {
			set = append(set, fmt.Sprintf("%s=%v", k, r.Params[k]))
		}
		row := []string{r.ID, r.Recipe, r.Started.Local().Format("2006-01-02 15:04"), took, state, stateCounts(r.States), strings.Join(set, " ")}
		if len(metrics) == 0 {
			row = append(row, someResults(r.Results))
		}
		for _, m := range metrics {
			row = append(row, resultsNamed(r.Results, m))
		}
		rows = append(rows, row)
	}
	return rows
}

// stateCounts is "3 done, 1 failed".
func stateCounts(states map[string]int) string {
	var parts []string
	for _, s := range []string{"done", "fresh", "failed", "cancelled", "skipped"} {
		if n := states[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	return strings.Join(parts, ", ")
}

// someResults are results in one line: the last ones, which stand at a recipe's end, and how many there are before.
func someResults(results []record.Result) string {
	const some = 8
	var parts []string
	if n := len(results) - some; n > 0 {
		parts = append(parts, fmt.Sprintf("%d more and", n))
		results = results[n:]
	}
	for _, r := range results {
		parts = append(parts, fmt.Sprintf("%s.%s=%.4g", r.Node, r.Metric, float64(r.Value)))
	}
	return strings.Join(parts, " ")
}

// resultsNamed are the results of one name; the cells of a matrix stand in their order.
func resultsNamed(results []record.Result, name string) string {
	var values []string
	for _, r := range results {
		if name == r.Metric || name == record.StageOf(r.Node)+"."+r.Metric || name == r.Node+"."+r.Metric {
			values = append(values, strconv.FormatFloat(float64(r.Value), 'g', 4, 64))
		}
	}
	return strings.Join(values, " ")
}
