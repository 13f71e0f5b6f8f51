package cpu

import (
	"math"

	"github.com/belay-ml/belay/ascend/tensor"
)

type normJob struct {
	grid
	y, rstd, x, w mat
	eps           float32
}

func (j *normJob) run(w *worker, i int) {
	r0, r1, _, _ := j.part(i)
	rstd := j.rstd.row(0)
	for r := r0; r < r1; r++ {
		x := j.x.row(r)
		mean := w.k.SumSquares(x) / float64(len(x))
		s := float32(1 / math.Sqrt(mean+float64(j.eps)))
		rstd[r] = s
		w.k.NormScale(j.y.row(r), x, j.w.row(0), s)
	}
}

// RMSNorm writes y = x*rstd*w and rstd. y may be x.
func (b *Backend) RMSNorm(y, rstd, x, weight tensor.Tensor, eps float32) {
	want("rms norm", "y", y, x.Rows, x.Cols)
	want("rms norm", "rstd", rstd, 1, x.Rows)
	want("rms norm", "weight", weight, 1, x.Cols)
	j := &b.norm
	*j = normJob{byRows(x.Rows, x.Cols), open(y), open(rstd), open(x), open(weight), eps}
	b.pool.run(j, j.parts())
}

// normBackRows is the height of the blocks of rows whose share of dw is summed by itself.
const normBackRows = 32

// normBackJob does dx, and the share of dw of its block of rows.
//
// With n = x*rstd and g = w*dy: dx = rstd*(g - n*mean(g*n)), dw = sum over rows of dy*n.
type normBackJob struct {
	dx, dy, x, w, rstd mat
	shares             mat // blocks x H; empty when dw is not wanted
}

func (j *normBackJob) run(w *worker, i int) {
	weight, rstd := j.w.row(0), j.rstd.row(0)
	var share []float32
	if j.shares.d != nil {
		share = j.shares.row(i)
		clear(share)
	}
	for r := i * normBackRows; r < min((i+1)*normBackRows, j.x.rows); r++ {
		x, dy, s := j.x.row(r), j.dy.row(r), rstd[r]
		if share != nil {
			w.k.MulAdd(share, dy, x, s)
		}
		d := float64(s)
		mean := w.k.Dot3(weight, dy, x) / float64(len(x))
		w.k.NormBackward(j.dx.row(r), dy, weight, x, s, float32(-d*d*d*mean))
	}
}

// normSumJob adds the shares up in the order of the blocks.
type normSumJob struct {
	grid
	dw, shares mat
}

func (j *normSumJob) run(w *worker, i int) {
	_, _, c0, n := j.part(i)
	for r := range j.shares.rows {
		w.k.Axpy(j.dw.part(0, c0, n), j.shares.part(r, c0, n), 1)
	}
}

// RMSNormBackward accumulates into dx and, when it is valid, into dw. dx must not be dy or x.
func (b *Backend) RMSNormBackward(dx, dw, dy, x, weight, rstd tensor.Tensor) {
	want("rms norm backward", "dx", dx, x.Rows, x.Cols)
	want("rms norm backward", "dy", dy, x.Rows, x.Cols)
	want("rms norm backward", "weight", weight, 1, x.Cols)
	want("rms norm backward", "rstd", rstd, 1, x.Rows)
	blocks := ceilDiv(x.Rows, normBackRows)
	j, sum := &b.normBack, &b.normSum
	*j = normBackJob{dx: open(dx), dy: open(dy), x: open(x), w: open(weight), rstd: open(rstd)}
	if !dw.Valid() {
		b.pool.run(j, blocks)
		return
	}
	want("rms norm backward", "dw", dw, 1, x.Cols)
	j.shares = mat{d: grow(sum.shares.d, blocks*x.Cols), rows: blocks, cols: x.Cols, stride: x.Cols}
	b.pool.run(j, blocks)
	*sum = normSumJob{grid: byCols(blocks, x.Cols, 128), dw: open(dw), shares: j.shares}
	b.pool.run(sum, sum.parts())
}
