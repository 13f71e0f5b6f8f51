package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/engine/event/record"
)

// maxJoined bounds the columns of a table that shows several stages side by side.
const maxJoined = 9

// table is a table of the page. Spans, when there are any, name groups of columns above Head.
type table struct {
	Title, Note string
	Spans       []span
	Head        []string
	Rows        [][]cell
	Sum         []bool // rows that sum up the others
}

// Right says of each column whether its cells, and so its name, stand to the right.
func (t table) Right() []bool {
	out := make([]bool, len(t.Head))
	for i := range out {
		out[i] = len(t.Rows) > 0
		for _, r := range t.Rows {
			out[i] = out[i] && i < len(r) && r[i].Right
		}
	}
	return out
}

// maxTables bounds the tables of one shape that a page shows one by one.
const maxTables = 12

// span is a name over Wide columns.
type span struct {
	Name string
	Wide int
}

// cell is a table cell. Tone is "up" or "down" for Delta; Bar draws Percent below the text; Best marks the best of
// its column.
type cell struct {
	Text, Err, Delta, Tone string
	Right, Bar, Best       bool
	Percent                float64
}

// training stacks the tables of nodes with curves: a row a stage.
func training(run *record.Run) []table {
	return collect(run, func(n record.Node, _ record.Table) bool { return len(n.Curves) > 0 }, stacked)
}

// findings are the tables that are neither scores nor training, such as generated answers.
func findings(run *record.Run) []table {
	return collect(run, func(n record.Node, t record.Table) bool {
		return len(n.Curves) == 0 && !scored(t)
	}, func(g []owned) []table {
		if t, ok := joined(g); ok {
			return []table{t}
		}
		var out []table
		for i, o := range g {
			if i == maxTables {
				out[i-1].Note += fmt.Sprintf(", and %d more are not shown", len(g)-i)
				break
			}
			out = append(out, plainTable(o.Table))
			out[i].Note = o.id
		}
		return out
	})
}

// scored says whether a score card shows the table.
func scored(t record.Table) bool {
	for m, v := range t.Headline {
		if slices.Index(t.Columns, m) > 0 && finite(float64(v)) {
			return true
		}
	}
	return false
}

// collect groups the wanted tables by title and columns, in the order of the nodes, and draws each group.
func collect(run *record.Run, want func(record.Node, record.Table) bool, draw func([]owned) []table) []table {
	var order []string
	groups := map[string][]owned{}
	for i, n := range run.Nodes {
		for _, t := range n.Tables {
			if !want(n, t) {
				continue
			}
			shape := t.Title + "\x00" + strings.Join(t.Columns, "\x00")
			if _, ok := groups[shape]; !ok {
				order = append(order, shape)
			}
			groups[shape] = append(groups[shape], owned{node: i, id: n.ID, name: n.Name, Table: t})
		}
	}
	var out []table
	for _, shape := range order {
		out = append(out, draw(groups[shape])...)
	}
	return out
}

// plainTable shows a table as it is; a column of numbers stands to the right.
func plainTable(t record.Table) table {
	out := table{Title: t.Title, Head: t.Columns}
	for _, r := range t.Rows {
		row := make([]cell, len(r))
		for i, c := range r {
			row[i] = cell{Text: c}
			if _, num := number(c); num && i > 0 {
				row[i] = cell{Text: grouped(c), Right: true}
			}
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

func stacked(g []owned) []table {
	out := table{Title: g[0].Title, Head: append([]string{"stage"}, g[0].Columns...)}
	for _, o := range g {
		for _, r := range o.Rows {
			if len(out.Rows) == maxRows {
				out.Note = fmt.Sprintf("the first %d rows", maxRows)
				return []table{out}
			}
			row := []cell{{Text: o.id}}
			for _, c := range r {
				_, num := number(c)
				row = append(row, cell{Text: grouped(c), Right: num})
			}
			out.Rows = append(out.Rows, row)
		}
	}
	return []table{out}
}

// joined puts tables of several stages with the same first column beside one another; false when the
// first columns differ.
func joined(g []owned) (table, bool) {
	keys := func(o owned) []string {
		var k []string
		for _, r := range o.Rows {
			if len(r) == len(o.Columns) && len(r) > 0 {
				k = append(k, r[0])
			}
		}
		return k
	}
	want := keys(g[0])
	for _, o := range g {
		if len(o.Columns) < 2 || len(o.Rows) != len(want) || !slices.Equal(keys(o), want) {
			return table{}, false
		}
	}
	if len(g) < 2 || len(g) > maxJoined {
		return table{}, false
	}
	columns := g[0].Columns[1:]
	if 1+len(g)*len(columns) > maxJoined {
		columns = columns[:1]
	}
	out := table{Title: g[0].Title, Spans: []span{{"", 1}}, Head: []string{g[0].Columns[0]}}
	for _, o := range g {
		out.Spans = append(out.Spans, span{o.id, len(columns)})
		out.Head = append(out.Head, columns...)
	}
	for i, k := range want {
		row := []cell{{Text: k}}
		for _, o := range g {
			for c := range columns {
				row = append(row, cell{Text: o.Rows[i][c+1]})
			}
		}
		out.Rows = append(out.Rows, row)
	}
	return out, true
}

// grouped sets the digits of a long whole number apart by threes.
func grouped(s string) string {
	if len(s) < 5 || strings.Trim(s, "0123456789") != "" {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteString("\u202f")
		}
		b.WriteRune(r)
	}
	return b.String()
}
