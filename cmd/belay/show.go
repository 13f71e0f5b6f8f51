package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/fault"
)

func newShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show [RUN]",
		Short: "Show one run: its stages, parameters and results",
		Long:  "Show one run: its stages, parameters and results. RUN is the beginning of its ID; the latest run without it.",
		Args:  cobra.MaximumNArgs(1),

		ValidArgsFunction: completeRuns,
		RunE: func(_ *cobra.Command, args []string) error {
			r, dir, err := findRun(append(args, "")[0])
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

// findRun loads the run whose ID begins with a text, the latest one for an empty text.
func findRun(id string) (*record.Run, string, error) {
	runs, err := runsDir()
	if err != nil {
		return nil, "", err
	}
	entries, err := os.ReadDir(runs)
	if err != nil && !os.IsNotExist(err) {
		return nil, "", err
	}
	var found []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), id) {
			found = append(found, e.Name())
		}
	}
	if id == "" && len(found) > 0 {
		found = found[len(found)-1:]
	}
	switch {
	case len(entries) == 0:
		return nil, "", fault.New(fault.Usage, "there are no runs in this workspace").WithHint("belay run RECIPE makes one; a workspace is the folder that holds belay.yaml or .belay")
	case len(found) != 1:
		return nil, "", fault.New(fault.Usage, "%d runs begin with %q", len(found), id).WithHint("belay runs lists them")
	}
	dir := filepath.Join(runs, found[0])
	r, err := record.Load(dir)
	return r, dir, fault.Wrap(fault.Data, err)
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
