package report

import (
	"html/template"
	"slices"

	"github.com/belay-ml/belay/engine/event/record"
)

// group is the charts of one stage, its instances overlaid: the loss, or what comes nearest, and the rest.
type group struct {
	Name   string
	Charts []chart
}

// First is the chart that is shown at once.
func (g group) First() chart { return g.Charts[0] }

// Rest are the charts that are folded away.
func (g group) Rest() []chart { return g.Charts[1:] }

type chart struct {
	Metric string
	SVG    template.HTML
	Legend []legend
	More   string // of lines that are not drawn
}

type legend struct {
	Key        template.HTML
	Name, Last string
}

// charts groups curves by stage name and metric, in the order of the nodes; loss comes first.
func charts(run *record.Run) []group {
	var groups []group
	seen := map[string]bool{}
	runs := []*record.Run{run}
	for i := range run.Nodes {
		name := run.Nodes[i].Stage()
		if seen[name] {
			continue
		}
		seen[name] = true
		g := group{Name: name}
		for _, m := range CurveMetrics(runs, name) {
			g.Charts = append(g.Charts, newChart(Plot{Metric: m, Lines: LinesOf(runs, name, m), Smooth: SmoothAuto}))
		}
		if len(g.Charts) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

func newChart(p Plot) chart {
	c := chart{Metric: title(p.Metric), SVG: template.HTML(p.chartSVG())} // escaped where it is made
	lines, left := p.shown()
	for i, l := range lines {
		c.Legend = append(c.Legend, legend{template.HTML(keySVG(i)), l.Name, p.last(l)})
	}
	if left > 0 {
		c.More = leftOut(left)
	}
	return c
}

// place orders metrics: those that people look at first.
func place(metric string) int {
	if i := slices.Index([]string{"loss", "lm loss", "val_loss", "lr", "tps", "gnorm"}, metric); i >= 0 {
		return i
	}
	return 100
}

// title spells out the field's short names.
func title(metric string) string {
	switch metric {
	case "lr":
		return "learning rate"
	case "tps":
		return "tokens/s"
	case "gnorm":
		return "gradient norm"
	case "val_loss":
		return "validation loss"
	}
	return metric
}
