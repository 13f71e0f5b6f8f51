package report

import (
	"strconv"

	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/event/sheet"
)

// maxRows bounds the rows of a table of cells in the page; belay metrics shows them all.
const maxRows = 60

// matrixTables are the results of the matrix stages: a row a cell, the best value of a metric marked. With several runs
// a row begins with its run.
func matrixTables(sheets []sheet.Sheet, runs int) []table {
	var out []table
	for i := range sheets {
		if s := &sheets[i]; len(s.Rows) > 1 {
			out = append(out, matrixTable(s, runs > 1))
		}
	}
	return out
}

func matrixTable(s *sheet.Sheet, withRun bool) table {
	t := table{Title: joinAnd(s.Stages)}
	if withRun {
		t.Head = append(t.Head, "run")
	}
	t.Head = append(append(t.Head, s.Axes...), s.Metrics...)
	best := make([]int, len(s.Metrics))
	for i, m := range s.Metrics {
		best[i] = s.Best(m)
	}
	for i, r := range s.Rows {
		if i == maxRows {
			t.Note = "the first " + strconv.Itoa(maxRows) + " of " + strconv.Itoa(len(s.Rows)) + " cells; belay metrics shows all"
			break
		}
		var row []cell
		if withRun {
			row = append(row, cell{Text: r.Run})
		}
		for _, v := range r.Cell {
			row = append(row, cell{Text: v})
		}
		for j, m := range s.Metrics {
			c := cell{Right: true, Best: best[j] == i}
			if v, ok := r.Values[m]; ok {
				c.Text = SheetValue(m, float64(v))
			}
			row = append(row, c)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// SheetValue is a sheet's value for people.
func SheetValue(metric string, v float64) string {
	if metric == sheet.Took || len(metric) > len(sheet.Took) && metric[len(metric)-len(sheet.Took)-1:] == "."+sheet.Took {
		return clock(seconds(v))
	}
	return value(significant(v, 6))
}

func joinAnd(names []string) string {
	text := ""
	for i, n := range names {
		switch {
		case i == 0:
		case i == len(names)-1:
			text += " and "
		default:
			text += ", "
		}
		text += n
	}
	return text
}

// matrixOf are the sheets of a run's matrix stages.
func matrixOf(run *record.Run) []sheet.Sheet {
	var out []sheet.Sheet
	for _, s := range sheet.Of([]*record.Run{run}, sheet.Options{}) {
		if len(s.Axes) > 0 {
			out = append(out, s)
		}
	}
	return out
}
