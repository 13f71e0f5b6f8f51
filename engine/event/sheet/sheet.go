package sheet

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/event/record"
)

// Took is the metric of how many seconds an instance ran, in sheets of one stage.
const Took = "took"

// Sheet is the results of some stages.
type Sheet struct {
	Stages  []string `json:"stages"`
	Axes    []string `json:"axes"`
	Metrics []string `json:"metrics"`
	Rows    []Row    `json:"rows"`
}

// Row is one cell of a matrix in one run. A metric that the cell lacks is not in Values.
type Row struct {
	Run    string                  `json:"run"`
	Cell   []string                `json:"cell"` // by the sheet's axes
	Nodes  []string                `json:"nodes"`
	Values map[string]event.Number `json:"values"`
}

// Options choose what a sheet holds.
type Options struct {
	Stage   string   // a stage or an instance; "" is all
	Metrics []string // "" is the headline numbers
}

// Of makes the sheets of runs, in the order of their nodes. Instances without a metric are left out.
func Of(runs []*record.Run, opt Options) []Sheet {
	var order []string
	groups := map[string]*group{}
	for _, r := range runs {
		for i := range r.Nodes {
			n := &r.Nodes[i]
			if opt.Stage != "" && !n.Called(opt.Stage) {
				continue
			}
			values := valuesOf(n, opt.Metrics)
			if len(values) == 0 {
				continue
			}
			cell := n.Cell()
			axes := make([]string, len(cell))
			for i, a := range cell {
				axes[i] = a.Name
			}
			id := strings.Join(axes, "\x00")
			if groups[id] == nil {
				order = append(order, id)
				groups[id] = &group{Sheet: Sheet{Axes: axes}, at: map[string]int{}}
			}
			groups[id].add(r.ID, n, cell, values)
		}
	}
	out := make([]Sheet, len(order))
	for i, id := range order {
		out[i] = groups[id].finish(opt.Metrics)
	}
	return out
}

// group is a sheet while it grows: values are by stage and metric.
type group struct {
	Sheet
	at     map[string]int // row by run and cell
	values []map[[2]string]event.Number
	names  [][2]string // stage and metric, in order
}

func (g *group) add(run string, n *record.Node, cell []record.Axis, values map[string]event.Number) {
	row := Row{Run: run, Cell: make([]string, len(cell))}
	for i, a := range cell {
		row.Cell[i] = a.Value
	}
	id := run + "\x00" + strings.Join(row.Cell, "\x00")
	at, ok := g.at[id]
	if !ok {
		at = len(g.Rows)
		g.at[id] = at
		g.Rows = append(g.Rows, row)
		g.values = append(g.values, map[[2]string]event.Number{})
	}
	stage := n.Stage()
	if !slices.Contains(g.Stages, stage) {
		g.Stages = append(g.Stages, stage)
	}
	g.Rows[at].Nodes = append(g.Rows[at].Nodes, n.ID)
	for _, m := range slices.Sorted(maps.Keys(values)) {
		name := [2]string{stage, m}
		if !slices.Contains(g.names, name) {
			g.names = append(g.names, name)
		}
		g.values[at][name] = values[m]
	}
}

// finish names the metrics: with their stage where there are several, the time last and only where there is one.
func (g *group) finish(asked []string) Sheet {
	rank := func(n [2]string) int {
		if n[1] == Took {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(g.names, func(a, b [2]string) int {
		if d := slices.Index(g.Stages, a[0]) - slices.Index(g.Stages, b[0]); d != 0 {
			return d
		}
		return cmp.Compare(rank(a), rank(b))
	})
	for i := range g.Rows {
		g.Rows[i].Values = map[string]event.Number{}
	}
	for _, n := range g.names {
		name := n[1]
		if len(g.Stages) > 1 {
			if name == Took && !slices.Contains(asked, Took) {
				continue
			}
			name = n[0] + "." + n[1]
		}
		g.Metrics = append(g.Metrics, name)
		for i := range g.Rows {
			if v, ok := g.values[i][n]; ok {
				g.Rows[i].Values[name] = v
			}
		}
	}
	return g.Sheet
}

// valuesOf are a node's results: those asked for, else its headline and how long it took, else where its curves ended.
func valuesOf(n *record.Node, asked []string) map[string]event.Number {
	out := map[string]event.Number{}
	wanted := func(m string) bool {
		return len(asked) == 0 || slices.Contains(asked, m) || slices.Contains(asked, n.Stage()+"."+m)
	}
	for m, v := range n.Headline {
		if wanted(m) {
			out[m] = v
		}
	}
	for i := range n.Curves {
		c := &n.Curves[i]
		if _, taken := out[c.Metric]; taken || len(c.Points) == 0 || len(asked) == 0 && len(n.Headline) > 0 || !wanted(c.Metric) {
			continue
		}
		out[c.Metric] = c.Points[len(c.Points)-1].Value
	}
	took := n.Took
	if n.State == "fresh" && n.Made != nil {
		took = n.Made.Took
	}
	if took > 0 && wanted(Took) && (len(out) > 0 || slices.Contains(asked, Took)) {
		out[Took] = event.Number(took.Seconds())
	}
	return out
}

// Best is the row with the best value of a metric, -1 when no row has one, all have the same or better has no meaning.
func (s *Sheet) Best(metric string) int {
	best, differ := -1, false
	if len(s.Rows) < 2 || !Compared(metric) {
		return best
	}
	for i, r := range s.Rows {
		v, ok := r.Values[metric]
		if !ok || math.IsNaN(float64(v)) {
			continue
		}
		if best < 0 {
			best = i
			continue
		}
		top := s.Rows[best].Values[metric]
		differ = differ || v != top
		if better(metric, float64(v), float64(top)) {
			best = i
		}
	}
	if !differ {
		return -1
	}
	return best
}

// Sort orders rows by a metric, the best first, those without it last. It reports whether there is such a metric.
func (s *Sheet) Sort(metric string) bool {
	if !slices.Contains(s.Metrics, metric) {
		return false
	}
	slices.SortStableFunc(s.Rows, func(a, b Row) int {
		x, okX := a.Values[metric]
		y, okY := b.Values[metric]
		okX, okY = okX && !math.IsNaN(float64(x)), okY && !math.IsNaN(float64(y))
		switch {
		case !okX || !okY:
			return cmp.Compare(boolInt(okY), boolInt(okX))
		case better(metric, float64(x), float64(y)):
			return -1
		case better(metric, float64(y), float64(x)):
			return 1
		}
		return 0
	})
	return true
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func better(metric string, a, b float64) bool {
	if LessIsBetter(metric) {
		return a < b
	}
	return a > b
}

// LessIsBetter knows by its name that small values of a metric are the good ones.
func LessIsBetter(metric string) bool {
	m := strings.ToLower(metric)
	if m == Took || strings.HasSuffix(m, "."+Took) {
		return true
	}
	return slices.ContainsFunc([]string{"loss", "ppl", "perplexity", "nll", "error", "bits_per"}, func(w string) bool { return strings.Contains(m, w) })
}

// Compared says that a metric has better and worse values, which a learning rate or a count has not.
func Compared(metric string) bool {
	_, last, _ := strings.Cut(metric, ".")
	if last == "" {
		last = metric
	}
	return !slices.Contains([]string{"lr", "learning_rate", "step", "steps", "tokens", "samples", "gnorm", "seed", "epoch"}, last)
}

// MarshalJSON writes empty lists, not null.
func (s Sheet) MarshalJSON() ([]byte, error) {
	type plain Sheet
	p := plain(s)
	if p.Axes == nil {
		p.Axes = []string{}
	}
	return json.Marshal(p)
}
