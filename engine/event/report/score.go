package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/event/sheet"
)

// scoreCard is one headline metric of one task over all stages that measured it: the first and the best
// in large type, a bar a stage, a row a subject.
type scoreCard struct {
	Task, Metric string
	First, Best  *bar // First is nil when no stage comes before the others
	Bars         []bar
	More         string // how many stages have no bar
	Table        *table
}

// maxScores bounds the bars and columns of a card: the first stage and the best of the others.
const maxScores = 16

// bar is the score of one stage. Percent is its share of the full length.
type bar struct {
	Name, Link, Value, Delta, Tone string
	Percent                        float64
	raw                            float64
}

// owned is a table with the node it belongs to.
type owned struct {
	node, depth int
	id, name    string
	record.Table
}

// scoreCards gathers tables with headline numbers by task and metric. Training reports its loss
// elsewhere: nodes with curves are left out.
func scoreCards(run *record.Run) []scoreCard {
	var order []string
	groups := map[string][]owned{}
	depth := depths(run)
	for i, n := range run.Nodes {
		if len(n.Curves) > 0 {
			continue
		}
		for _, t := range n.Tables {
			for m, v := range t.Headline {
				if !finite(float64(v)) {
					continue
				}
				id := t.Title + "\x00" + m
				if _, ok := groups[id]; !ok {
					order = append(order, id)
				}
				groups[id] = append(groups[id], owned{i, depth[i], n.ID, n.Name, t})
			}
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { // map order must not show
		if d := groups[a][0].node - groups[b][0].node; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var out []scoreCard
	for _, id := range order {
		task, metric, _ := strings.Cut(id, "\x00")
		out = append(out, newScoreCard(task, metric, groups[id]))
	}
	return out
}

// depths is the longest path from a source to each node: what is less deep comes before.
func depths(run *record.Run) []int {
	g := Of(run).clean()
	out := make([]int, len(g.Nodes))
	for i := range g.Nodes {
		for _, e := range g.Edges {
			if e.To == i {
				out[i] = max(out[i], out[e.From]+1)
			}
		}
	}
	return out
}

func newScoreCard(task, metric string, g []owned) scoreCard {
	slices.SortStableFunc(g, func(a, b owned) int { return a.depth - b.depth })
	c := scoreCard{Task: task, Metric: metric}
	form := newForm(metric, g)
	baseline := len(g) > 1 && (g[0].depth < g[1].depth || g[0].name != g[1].name)
	for i, t := range g {
		v := float64(t.Headline[metric])
		b := bar{Name: t.id, Link: anchor(t.node), Value: form.text(v), Percent: form.percent(v), raw: v}
		if i > 0 && baseline {
			b.Delta, b.Tone = form.delta(v - c.Bars[0].raw)
		}
		c.Bars = append(c.Bars, b)
	}
	best := 0
	for i, b := range c.Bars {
		if i > 0 && baseline && best == 0 || form.better(b.raw, c.Bars[best].raw) {
			best = i
		}
	}
	if all := len(c.Bars); all > maxScores {
		g, best = c.cut(g, form, baseline, best)
		c.More = fmt.Sprintf("the best %d of %d; belay metrics shows all", len(c.Bars), all)
	}
	c.Best = &c.Bars[best]
	if baseline {
		c.First = &c.Bars[0]
	}
	if subjects := subjectTable(metric, form, g, baseline); len(subjects.Rows) > 1 {
		c.Table = subjects
	}
	return c
}

// cut keeps the best stages, in their order, and the first where it is what the others are compared with. It returns the
// stages that are left and which of them is the best.
func (c *scoreCard) cut(g []owned, form form, baseline bool, best int) ([]owned, int) {
	order := make([]int, len(c.Bars))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case baseline && (a == 0) != (b == 0): // the first always stays
			return cmp.Compare(min(a, 1), min(b, 1))
		case form.better(c.Bars[a].raw, c.Bars[b].raw):
			return -1
		case form.better(c.Bars[b].raw, c.Bars[a].raw):
			return 1
		}
		return 0
	})
	order = order[:maxScores]
	slices.Sort(order)
	bars, left := make([]bar, maxScores), make([]owned, maxScores)
	for i, k := range order {
		bars[i], left[i] = c.Bars[k], g[k]
	}
	c.Bars = bars
	return left, slices.Index(order, best)
}

// form is how the values of a metric are written and compared.
type form struct {
	share bool // between 0 and 1, written as a percentage
	lower bool // less is better
	top   float64
}

func newForm(metric string, g []owned) form {
	f := form{lower: sheet.LessIsBetter(metric)}
	low := math.Inf(1)
	for _, t := range g {
		v := float64(t.Headline[metric])
		low, f.top = min(low, v), max(f.top, v)
	}
	f.share = !f.lower && low >= 0 && f.top <= 1
	if f.share {
		f.top = 1
	}
	if low < 0 {
		f.top = 0 // no bars
	}
	return f
}

func (f form) text(v float64) string {
	if f.share {
		return trimmed(v*100, 1) + " %"
	}
	return value(v)
}

func (f form) percent(v float64) float64 {
	if f.top <= 0 || v < 0 {
		return 0
	}
	return min(v/f.top, 1) * 100
}

func (f form) better(a, b float64) bool {
	if f.lower {
		return a < b
	}
	return a > b
}

// delta is a signed difference and its tone: "up" is the better direction.
func (f form) delta(d float64) (text, tone string) {
	digits, unit := 4, ""
	if f.share {
		d, digits, unit = d*100, 1, " points"
	}
	if d = math.Round(d*1e4) / 1e4; d == 0 {
		return "±0", ""
	}
	tone = "down"
	if f.better(d, 0) {
		tone = "up"
	}
	if d > 0 {
		return "+" + trimmed(d, digits) + unit, tone
	}
	return "−" + trimmed(-d, digits) + unit, tone
}

// subjectTable has a row a subject and a column a stage. Other columns on which all stages agree, such as
// the number of questions, stand once; a column METRIC_stderr becomes the ± of its value.
func subjectTable(metric string, form form, g []owned, baseline bool) *table {
	first := g[0].Table
	col, errs := slices.Index(first.Columns, metric), slices.Index(first.Columns, metric+"_stderr")
	t := &table{Title: first.Title}
	if col < 1 {
		return t
	}
	var subjects []string
	rows := map[string][][]string{} // subject -> stage -> row
	for i, o := range g {
		if !slices.Equal(o.Columns, first.Columns) {
			continue
		}
		for _, r := range o.Rows {
			if len(r) != len(first.Columns) {
				continue
			}
			if rows[r[0]] == nil {
				subjects = append(subjects, r[0])
				rows[r[0]] = make([][]string, len(g))
			}
			rows[r[0]][i] = r
		}
	}
	shared := sharedColumns(first.Columns, rows, col, errs)
	t.Head = append(t.Head, first.Columns[0])
	for _, c := range shared {
		t.Head = append(t.Head, first.Columns[c])
	}
	for _, o := range g {
		t.Head = append(t.Head, o.id)
	}
	for _, s := range subjects {
		row := []cell{{Text: s}}
		for _, c := range shared {
			row = append(row, cell{Text: grouped(anyRow(rows[s])[c]), Right: true})
		}
		for i, r := range rows[s] {
			row = append(row, form.cell(r, col, errs, rows[s][0], i > 0 && baseline))
		}
		t.Rows = append(t.Rows, row)
		t.Sum = append(t.Sum, slices.Contains([]string{"total", "all", "overall", "average", "mean"}, strings.ToLower(s)))
	}
	return t
}

// cell is the value in one stage's row, with its error and its difference from the first stage's row.
func (f form) cell(r []string, col, errs int, first []string, compared bool) cell {
	out := cell{Right: true}
	if r == nil {
		return out
	}
	v, ok := number(r[col])
	if !ok {
		out.Text = r[col]
		return out
	}
	out.Text, out.Bar, out.Percent = f.text(v), f.top > 0, f.percent(v)
	if errs > 0 {
		if e, ok := number(r[errs]); ok && e > 0 {
			out.Err = "±" + strings.TrimSuffix(f.text(e), " %")
		}
	}
	if compared && first != nil {
		if b, ok := number(first[col]); ok {
			out.Delta, out.Tone = f.delta(v - b)
			out.Delta = strings.TrimSuffix(out.Delta, " points")
		}
	}
	return out
}

// sharedColumns are the columns in which all stages say the same of every subject.
func sharedColumns(columns []string, rows map[string][][]string, col, errs int) []int {
	var out []int
	for c := 1; c < len(columns); c++ {
		if c == col || c == errs {
			continue
		}
		same := true
		for _, stages := range rows {
			for _, r := range stages {
				same = same && (r == nil || r[c] == anyRow(stages)[c])
			}
		}
		if same {
			out = append(out, c)
		}
	}
	return out
}

// anyRow is the first stage's row that is there.
func anyRow(stages [][]string) []string {
	for _, r := range stages {
		if r != nil {
			return r
		}
	}
	return nil
}

// number reads a cell: "0.83", "83.1 %", "1,204".
func number(s string) (float64, bool) {
	s = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), "%"))
	v, err := strconv.ParseFloat(strings.ReplaceAll(s, ",", ""), 64)
	return v, err == nil && finite(v)
}
