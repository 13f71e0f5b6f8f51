package report

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/engine/event/record"
)

// score is one table of the page: of one stage, or of several side by side.
type score struct {
	Title string
	Note  string
	Head  []string
	Rows  [][]cell
}

// cell is a table cell; Tone is "up" or "down" for a difference, Bar is a share of the column's range.
type cell struct {
	Text  string
	Right bool
	Tone  string
}

// versus compares one headline metric over stages.
type versus struct {
	Metric string
	Bars   []bar
}

type bar struct {
	Name, Value, Delta, Tone string
	Percent                  float64
}

// owned is a table with the node it belongs to.
type owned struct {
	id string
	record.Table
}

// scores collects the tables of all nodes: those of one title and shape with a headline stand side by
// side, the others alone. Headline numbers that several stages have are compared.
func scores(run *record.Run) ([]score, []versus) {
	var order []string
	groups := map[string][]owned{}
	for _, n := range run.Nodes {
		for _, t := range n.Tables {
			shape := t.Title + "\x00" + strings.Join(t.Columns, "\x00")
			if len(t.Headline) == 0 { // counts and the like are of their stage alone
				shape += "\x00" + n.ID
			}
			if _, ok := groups[shape]; !ok {
				order = append(order, shape)
			}
			groups[shape] = append(groups[shape], owned{n.ID, t})
		}
	}
	var tables []score
	for _, shape := range order {
		if g := groups[shape]; len(g) > 1 {
			tables = append(tables, sideBySide(g))
		} else {
			tables = append(tables, single(g[0]))
		}
	}
	return tables, compare(run)
}

// single shows a table as it is.
func single(t owned) score {
	s := score{Title: t.Title, Note: t.id, Head: t.Columns}
	for _, r := range t.Rows {
		row := make([]cell, len(r))
		for i, c := range r {
			_, num := number(c)
			row[i] = cell{Text: c, Right: i > 0 && num}
		}
		s.Rows = append(s.Rows, row)
	}
	return s
}

// sideBySide has a row a subject, a column a stage with its value, and the difference between the last
// stage and the first.
func sideBySide(g []owned) score {
	col := valueColumn(g[0].Table)
	s := score{Title: g[0].Title, Head: []string{""}}
	if len(g[0].Columns) > 0 {
		s.Head[0] = g[0].Columns[0]
	}
	if col < len(g[0].Columns) {
		s.Note = g[0].Columns[col]
	}
	var subjects []string
	values := map[string][]string{}
	for i, t := range g {
		s.Head = append(s.Head, t.id)
		for _, r := range t.Rows {
			if len(r) == 0 || col >= len(r) {
				continue
			}
			if values[r[0]] == nil {
				subjects = append(subjects, r[0])
				values[r[0]] = make([]string, len(g))
			}
			values[r[0]][i] = r[col]
		}
	}
	s.Head = append(s.Head, "difference")
	for _, sub := range subjects {
		row := []cell{{Text: sub}}
		for _, v := range values[sub] {
			row = append(row, cell{Text: v, Right: true})
		}
		first, ok1 := number(values[sub][0])
		last, ok2 := number(values[sub][len(g)-1])
		d := cell{Right: true}
		if ok1 && ok2 {
			d.Text, d.Tone = difference(last-first, strings.HasSuffix(strings.TrimSpace(values[sub][0]), "%"))
		}
		s.Rows = append(s.Rows, append(row, d))
	}
	return s
}

// valueColumn is the column that comparisons use: the one named like a headline number, else the
// last one that holds a number.
func valueColumn(t record.Table) int {
	for i, c := range t.Columns {
		if _, ok := t.Headline[c]; ok && i > 0 {
			return i
		}
	}
	for i := len(t.Columns) - 1; i > 0; i-- {
		for _, r := range t.Rows {
			if i < len(r) {
				if _, ok := number(r[i]); ok {
					return i
				}
			}
		}
	}
	return max(len(t.Columns)-1, 0)
}

// number reads a cell: "0.83", "83.1 %", "1,204".
func number(s string) (float64, bool) {
	s = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), "%"))
	v, err := strconv.ParseFloat(strings.ReplaceAll(s, ",", ""), 64)
	return v, err == nil && finite(v)
}

// difference is a signed number and its tone.
func difference(d float64, percent bool) (text, tone string) {
	digits, unit := 4, ""
	if percent {
		digits, unit = 1, " %"
	}
	if d = math.Round(d*1e4) / 1e4; d == 0 {
		return "±0", ""
	}
	if d > 0 {
		return "+" + trimmed(d, digits) + unit, "up"
	}
	return "−" + trimmed(-d, digits) + unit, "down"
}

// compare makes bars of every headline number that two stages or more have.
func compare(run *record.Run) []versus {
	var metrics []string
	bars := map[string][]bar{}
	raw := map[string][]float64{}
	for _, n := range run.Nodes {
		keys := make([]string, 0, len(n.Headline))
		for k := range n.Headline {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			v := float64(n.Headline[k])
			if !finite(v) {
				continue
			}
			if bars[k] == nil {
				metrics = append(metrics, k)
			}
			bars[k] = append(bars[k], bar{Name: n.ID, Value: value(v)})
			raw[k] = append(raw[k], v)
		}
	}
	var out []versus
	for _, m := range metrics {
		if len(bars[m]) < 2 {
			continue
		}
		low, top := slices.Min(raw[m]), slices.Max(raw[m])
		share := low >= 0 && top <= 1
		if share {
			top = 1
		}
		for i, v := range raw[m] {
			b := &bars[m][i]
			if low >= 0 && top > 0 {
				b.Percent = v / top * 100
			}
			if share {
				b.Value = trimmed(v*100, 1) + " %"
			}
			if i > 0 && share {
				b.Delta, b.Tone = difference((v-raw[m][0])*100, true)
			} else if i > 0 {
				b.Delta, _ = difference(v-raw[m][0], false)
			}
		}
		out = append(out, versus{m, bars[m]})
	}
	return out
}
