package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/event/report"
	"github.com/belay-ml/belay/engine/event/sheet"
	"github.com/belay-ml/belay/engine/fault"
)

// metricsFlags choose what is compared and how it is shown.
type metricsFlags struct {
	metrics             []string
	sort, format, scale string
	smooth              int
	out                 string
}

func newMetrics(a *app) *cobra.Command {
	var f metricsFlags
	c := &cobra.Command{
		Use:   "metrics [RUN[:STAGE]...]",
		Short: "Compare results and curves of matrix cells, and of runs",
		Long: `Compare results and curves: a row a cell of a matrix, a column a metric, the best value marked with *; as a picture,
the curves of all cells in one plot. Several runs stand below one another. RUN is the beginning of an ID, last, or last~1;
the latest run without it.

  belay metrics last:sft --sort final_loss
  belay metrics last~1:sft last:sft --metric loss --format svg --out loss.svg
  belay metrics --format html --out metrics.html`,
		ValidArgsFunction: completeRuns,
		RunE:              func(_ *cobra.Command, args []string) error { return a.metrics(args, f) },
	}
	c.Flags().StringArrayVar(&f.metrics, "metric", nil, "only this metric: a result, or a curve, whose last value is shown")
	c.Flags().StringVar(&f.sort, "sort", "", "order rows by this metric, the best first")
	c.Flags().StringVar(&f.format, "format", "table", "table, csv, svg (curves) or html (both)")
	c.Flags().StringVar(&f.scale, "scale", "auto", "axis of a plot's values: auto, linear or log")
	c.Flags().IntVar(&f.smooth, "smooth", report.SmoothAuto, "draw the mean over so many points; 0 draws what was measured, -1 smooths what jumps")
	c.Flags().StringVarP(&f.out, "out", "o", "", "write to this file instead of standard output")
	return c
}

func (a *app) metrics(args []string, f metricsFlags) error {
	scale, ok := map[string]string{"auto": report.ScaleAuto, "linear": report.ScaleLinear, "log": report.ScaleLog}[f.scale]
	switch {
	case !ok:
		return fault.New(fault.Usage, "--scale %q: want auto, linear or log", f.scale)
	case f.smooth < report.SmoothAuto:
		return fault.New(fault.Usage, "--smooth: want -1 or more")
	case !slices.Contains([]string{"table", "csv", "svg", "html"}, f.format):
		return fault.New(fault.Usage, "--format %q: want table, csv, svg or html", f.format)
	case f.format == "svg" && len(f.metrics) > 1:
		return fault.New(fault.Usage, "--format svg draws one metric, %d are asked for", len(f.metrics)).WithHint("--format html draws them all in one page")
	}
	runs, stage, err := findRuns(args)
	if err != nil {
		return err
	}
	c := report.Comparison{Runs: runs, Sheets: sheet.Of(runs, sheet.Options{Stage: stage, Metrics: f.metrics})}
	if f.sort != "" && !sortSheets(c.Sheets, f.sort) {
		return fault.New(fault.Usage, "--sort %s: there is no such metric", f.sort).WithHint("%s", metricNames(c.Sheets))
	}
	for _, m := range report.CurveMetrics(runs, stage) {
		if len(f.metrics) == 0 || slices.Contains(f.metrics, m) {
			c.Plots = append(c.Plots, report.Plot{Metric: m, Lines: report.LinesOf(runs, stage, m), Scale: scale, Smooth: f.smooth})
		}
	}
	switch {
	case len(c.Sheets) == 0 && len(c.Plots) == 0:
		return fault.New(fault.Usage, "no stage has such results").
			WithHint("%s", metricNames(sheet.Of(runs, sheet.Options{})))
	case f.format == "svg" && len(c.Plots) == 0:
		return fault.New(fault.Usage, "no stage has such a curve").WithHint("curves: %v", report.CurveMetrics(runs, ""))
	}
	return a.write(f.out, c.Sheets, func(w io.Writer) error {
		switch f.format {
		case "csv":
			return sheetsCSV(w, c.Sheets, len(runs) > 1)
		case "svg":
			return fault.Wrap(fault.Usage, c.Plots[0].SVG(w))
		case "html":
			return c.HTML(w)
		}
		return sheetsText(w, c.Sheets, len(runs) > 1)
	})
}

// write prints v as JSON or calls text, to standard output or to a file that appears whole.
func (a *app) write(path string, v any, text func(io.Writer) error) error {
	if path == "" {
		return a.print(v, text)
	}
	var b bytes.Buffer
	if err := a.printTo(&b, v, text); err != nil {
		return err
	}
	if err := renameio.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// findRuns loads the runs of RUN[:STAGE] arguments, which may name one stage.
func findRuns(args []string) ([]*record.Run, string, error) {
	if len(args) == 0 {
		args = []string{""}
	}
	var runs []*record.Run
	stage := ""
	for _, arg := range args {
		f, err := findRun(arg)
		if err != nil {
			return nil, "", err
		}
		if f.stage != "" {
			if stage != "" && stage != f.stage {
				return nil, "", fault.New(fault.Usage, "two stages are named: %s and %s", stage, f.stage).WithHint("leave the stage out to see all")
			}
			if _, err := f.nodes(); err != nil {
				return nil, "", err
			}
			stage = f.stage
		}
		if !slices.ContainsFunc(runs, func(r *record.Run) bool { return r.ID == f.run.ID }) {
			runs = append(runs, f.run)
		}
	}
	return runs, stage, nil
}

func sortSheets(sheets []sheet.Sheet, metric string) bool {
	any := false
	for i := range sheets {
		any = sheets[i].Sort(metric) || any
	}
	return any
}

// metricNames lists what there is to choose from.
func metricNames(sheets []sheet.Sheet) string {
	var names []string
	for _, s := range sheets {
		for _, m := range s.Metrics {
			if !slices.Contains(names, m) {
				names = append(names, m)
			}
		}
	}
	if len(names) == 0 {
		return "the run has no results"
	}
	return fmt.Sprintf("metrics: %v", names)
}

// sheetsText prints tables one below the other, the best of a column with a star.
func sheetsText(w io.Writer, sheets []sheet.Sheet, withRun bool) error {
	for i := range sheets {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := table(w, sheetRows(&sheets[i], withRun)); err != nil {
			return err
		}
	}
	return nil
}

// sheetRows is a sheet as a table; results without a matrix, of one run, stand below one another.
func sheetRows(s *sheet.Sheet, withRun bool) [][]string {
	if len(s.Axes) == 0 && !withRun {
		rows := [][]string{{"METRIC", "VALUE"}}
		for _, m := range s.Metrics {
			rows = append(rows, []string{m, report.SheetValue(m, float64(s.Rows[0].Values[m]))})
		}
		return rows
	}
	head := []string{}
	if withRun {
		head = append(head, "RUN")
	}
	rows := [][]string{append(append(head, s.Axes...), s.Metrics...)}
	best := map[string]int{}
	for _, m := range s.Metrics {
		best[m] = s.Best(m)
	}
	for i, r := range s.Rows {
		var row []string
		if withRun {
			row = append(row, r.Run)
		}
		row = append(row, r.Cell...)
		for _, m := range s.Metrics {
			text := "-"
			if v, ok := r.Values[m]; ok {
				text = report.SheetValue(m, float64(v))
			}
			if best[m] == i {
				text += " *"
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	return rows
}

// sheetsCSV writes tables with a head each and an empty line between them; numbers are whole, not rounded.
func sheetsCSV(w io.Writer, sheets []sheet.Sheet, withRun bool) error {
	out := csv.NewWriter(w)
	for i := range sheets {
		s := &sheets[i]
		if i > 0 {
			out.Flush()
			fmt.Fprintln(w)
		}
		head := []string{}
		if withRun {
			head = append(head, "run")
		}
		if err := out.Write(append(append(head, s.Axes...), s.Metrics...)); err != nil {
			return err
		}
		for _, r := range s.Rows {
			row := []string{}
			if withRun {
				row = append(row, r.Run)
			}
			row = append(row, r.Cell...)
			for _, m := range s.Metrics {
				text := ""
				if v, ok := r.Values[m]; ok {
					text = strconv.FormatFloat(float64(v), 'g', -1, 64)
				}
				row = append(row, text)
			}
			if err := out.Write(row); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}
