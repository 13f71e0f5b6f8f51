package cpu

import (
	"fmt"

	"github.com/belay-ml/belay/ascend/tensor"
)

// wantIDs panics unless all ids are in [least, below).
func wantIDs(what string, ids []int32, least, below int) {
	for i, id := range ids {
		if int(id) < least || int(id) >= below {
			panic(fmt.Sprintf("cpu: %s: id %d at row %d, want one in [%d, %d)", what, id, i, least, below))
		}
	}
}

type embedJob struct {
	grid
	y, table mat
	ids      []int32
}

func (j *embedJob) run(_ *worker, i int) {
	r0, r1, _, _ := j.part(i)
	for r := r0; r < r1; r++ {
		copy(j.y.row(r), j.table.row(int(j.ids[r])))
	}
}

// Embed writes row ids[i] of table to row i of y.
func (b *Backend) Embed(y, table tensor.Tensor, ids []int32) {
	want("embed", "y", y, len(ids), table.Cols)
	wantIDs("embed", ids, 0, table.Rows)
	j := &b.embed
	*j = embedJob{byRows(y.Rows, y.Cols), open(y), open(table), ids}
	b.pool.run(j, j.parts())
}

// embedBackJob owns some columns of the table and adds the rows in their order, so that a row that
// occurs twice has one order of summing.
type embedBackJob struct {
	grid
	dtable, dy mat
	ids        []int32
}

func (j *embedBackJob) run(w *worker, i int) {
	_, _, c0, n := j.part(i)
	for r, id := range j.ids {
		w.k.Axpy(j.dtable.part(int(id), c0, n), j.dy.part(r, c0, n), 1)
	}
}

// EmbedBackward accumulates row i of dy into row ids[i] of dtable.
func (b *Backend) EmbedBackward(dtable, dy tensor.Tensor, ids []int32) {
	want("embed backward", "dy", dy, len(ids), dtable.Cols)
	wantIDs("embed backward", ids, 0, dtable.Rows)
	j := &b.embedBack
	*j = embedBackJob{byCols(len(ids), dy.Cols, max(64, gridStep/max(len(ids), 1))), open(dtable), open(dy), ids}
	b.pool.run(j, j.parts())
}
