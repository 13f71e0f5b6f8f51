package report

import (
	"html/template"
	"maps"
	"slices"
	"strings"

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
}

type legend struct {
	Tone       int
	Name, Last string
}

// charts groups curves by stage name and metric, in the order of the nodes; loss comes first.
func charts(run *record.Run) []group {
	var groups []group
	at := map[string]int{}
	drawn := map[string]map[string][]series{} // group -> metric
	for _, n := range run.Nodes {
		name := n.Name
		if name == "" {
			name = n.ID
		}
		for _, c := range n.Curves {
			if len(c.Points) == 0 {
				continue
			}
			if _, ok := at[name]; !ok {
				at[name] = len(groups)
				groups = append(groups, group{Name: name})
				drawn[name] = map[string][]series{}
			}
			drawn[name][c.Metric] = append(drawn[name][c.Metric], series{n.ID, c.Points})
		}
	}
	for i := range groups {
		g := &groups[i]
		metrics := slices.Collect(maps.Keys(drawn[g.Name]))
		slices.SortFunc(metrics, func(a, b string) int {
			if d := place(a) - place(b); d != 0 {
				return d
			}
			return strings.Compare(a, b)
		})
		for _, m := range metrics {
			all := drawn[g.Name][m]
			c := chart{Metric: title(m), SVG: template.HTML(chartSVG(title(m), all))}
			for j, s := range all {
				c.Legend = append(c.Legend, legend{j % tones, s.Name, s.last(title(m))})
			}
			g.Charts = append(g.Charts, c)
		}
	}
	return groups
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
