package report

import (
	_ "embed"
	"html/template"
	"io"
	"strconv"

	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/event/sheet"
)

//go:embed metrics.tmpl.html
var metricsText string

// Comparison is the results of stage instances of some runs, for a page of its own.
type Comparison struct {
	Runs   []*record.Run
	Sheets []sheet.Sheet
	Plots  []Plot
}

// HTML writes the comparison as one self-contained page.
func (c Comparison) HTML(w io.Writer) error {
	p := struct {
		CSS    template.CSS
		Title  string
		Facts  []fact
		Tables []table
		Charts []chart
	}{CSS: template.CSS(pageCSS)}
	for i, r := range c.Runs {
		if i == 0 {
			p.Title = r.Recipe
		} else if p.Title != r.Recipe {
			p.Title = "metrics"
		}
		p.Facts = append(p.Facts, fact{"run " + r.ID, r.State() + " at " + r.Started.UTC().Format("2006-01-02 15:04 UTC")})
	}
	for i := range c.Sheets {
		t := matrixTable(&c.Sheets[i], len(c.Runs) > 1)
		if t.Note == "" {
			t.Note = strconv.Itoa(len(t.Rows)) + " rows"
		}
		p.Tables = append(p.Tables, t)
	}
	for _, q := range c.Plots {
		p.Charts = append(p.Charts, newChart(q))
	}
	return fill(w, metricsText, p)
}
