package main

import (
	"io"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/event/record"
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
				a.warn(err.Error())
			}
			if runs == nil {
				runs = []record.Run{}
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
