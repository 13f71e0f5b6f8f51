package cpu

import "github.com/belay-ml/belay/ascend/tensor"

// addRowJob adds a vector to every row.
type addRowJob struct {
	grid
	y, b mat
}

func (j *addRowJob) run(w *worker, i int) {
	r0, r1, c0, n := j.part(i)
	for r := r0; r < r1; r++ {
		w.k.Axpy(j.y.part(r, c0, n), j.b.part(0, c0, n), 1)
	}
}

// AddRow adds b to every row of y.
func (b *Backend) AddRow(y, bias tensor.Tensor) {
	want("add row", "vector", bias, 1, y.Cols)
	j := &b.addRow
	*j = addRowJob{grid: byRows(y.Rows, y.Cols), y: open(y), b: open(bias)}
	b.pool.run(j, j.parts())
}

// sumRowsJob sums columns. Every part owns some columns and goes through the rows in blocks whose sums
// are added up in turn, which keeps the error of long columns small.
type sumRowsJob struct {
	grid
	db, dy mat
}

const (
	sumRowsCols  = 128
	sumRowsBlock = 64
)

func (j *sumRowsJob) run(w *worker, i int) {
	_, _, c0, n := j.part(i)
	w.row = grow(w.row, sumRowsCols)
	sum := w.row[:n]
	for r := 0; r < j.rows; r += sumRowsBlock {
		copy(sum, j.dy.part(r, c0, n))
		for q := r + 1; q < min(r+sumRowsBlock, j.rows); q++ {
			w.k.Axpy(sum, j.dy.part(q, c0, n), 1)
		}
		w.k.Axpy(j.db.part(0, c0, n), sum, 1)
	}
}

// SumRows accumulates the column sums of dy into db.
func (b *Backend) SumRows(db, dy tensor.Tensor) {
	want("sum rows", "sums", db, 1, dy.Cols)
	j := &b.sumRows
	*j = sumRowsJob{grid: byCols(dy.Rows, dy.Cols, sumRowsCols), db: open(db), dy: open(dy)}
	b.pool.run(j, j.parts())
}

// addJob adds a multiple of src, or scales dst when src is empty.
type addJob struct {
	grid
	dst, src mat
	alpha    float32
}

func (j *addJob) run(w *worker, i int) {
	r0, r1, c0, n := j.part(i)
	for r := r0; r < r1; r++ {
		if j.src.d == nil {
			w.k.Scale(j.dst.part(r, c0, n), j.alpha)
		} else {
			w.k.Axpy(j.dst.part(r, c0, n), j.src.part(r, c0, n), j.alpha)
		}
	}
}

// Add computes dst += alpha*src.
func (b *Backend) Add(dst, src tensor.Tensor, alpha float32) {
	want("add", "source", src, dst.Rows, dst.Cols)
	j := &b.add
	j.dst, j.src, j.alpha = open(dst), open(src), alpha
	j.grid = flatten(&j.dst, &j.src)
	b.pool.run(j, j.parts())
}

// Scale computes t *= alpha.
func (b *Backend) Scale(t tensor.Tensor, alpha float32) {
	j := &b.add
	j.dst, j.src, j.alpha = open(t), mat{}, alpha
	j.grid = flatten(&j.dst)
	b.pool.run(j, j.parts())
}
