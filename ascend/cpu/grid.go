package cpu

// grid cuts an elementwise operation into parts: contiguous operands by elements, others by rows.
type grid struct {
	rows, cols       int
	rowStep, colStep int
}

// gridStep is the aim for the elements of one part: small enough to share out, large enough that
// handing it out does not show.
const gridStep = 16384

// flatten makes contiguous operands of one shape into single rows and says how to cut them.
func flatten(ms ...*mat) grid {
	flat := true
	for _, m := range ms {
		flat = flat && m.contiguous()
	}
	if flat {
		n := ms[0].rows * ms[0].cols
		for _, m := range ms {
			m.rows, m.cols, m.stride = 1, n, n
		}
		return grid{rows: 1, cols: n, rowStep: 1, colStep: gridStep}
	}
	return byRows(ms[0].rows, ms[0].cols)
}

// byRows cuts between rows only.
func byRows(rows, cols int) grid {
	return grid{rows: rows, cols: cols, rowStep: max(1, gridStep/max(cols, 1)), colStep: max(cols, 1)}
}

// byCols cuts between columns only, in blocks of step columns.
func byCols(rows, cols, step int) grid {
	return grid{rows: rows, cols: cols, rowStep: max(rows, 1), colStep: step}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

func (g grid) parts() int { return ceilDiv(g.rows, g.rowStep) * ceilDiv(g.cols, g.colStep) }

// part is rows [r0, r1) and columns [c0, c0+n) of part i.
func (g grid) part(i int) (r0, r1, c0, n int) {
	across := ceilDiv(g.cols, g.colStep)
	r0, c0 = i/across*g.rowStep, i%across*g.colStep
	return r0, min(r0+g.rowStep, g.rows), c0, min(g.colStep, g.cols-c0)
}
