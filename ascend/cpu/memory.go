package cpu

import (
	"fmt"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/ascend/tensor"
)

// memory is one allocation: plain Go memory.
type memory struct{ data []float32 }

func (m *memory) Len() int           { return len(m.data) }
func (m *memory) DType() dtype.DType { return dtype.F32 }

// Alloc gives zeroed memory. This backend stores F32 only; callers convert when they upload.
func (b *Backend) Alloc(dt dtype.DType, rows, cols int) tensor.Tensor {
	if dt != dtype.F32 {
		panic(fmt.Sprintf("cpu: allocate [%d x %d] %v: this backend stores F32", rows, cols, dt))
	}
	return tensor.New(&memory{data: make([]float32, rows*cols)}, rows, cols)
}

// Upload writes src, row-major, over t.
func (b *Backend) Upload(t tensor.Tensor, src []float32) {
	wantLen("upload", "source", len(src), t.Len())
	m := open(t)
	for r := range m.rows {
		copy(m.row(r), src[r*m.cols:])
	}
}

// Download reads t, row-major, into dst.
func (b *Backend) Download(dst []float32, t tensor.Tensor) {
	wantLen("download", "destination", len(dst), t.Len())
	m := open(t)
	for r := range m.rows {
		copy(dst[r*m.cols:], m.row(r))
	}
}

// copyJob copies, or clears when src is empty.
type copyJob struct {
	grid
	dst, src mat
}

func (j *copyJob) run(_ *worker, i int) {
	r0, r1, c0, n := j.part(i)
	for r := r0; r < r1; r++ {
		if j.src.d == nil {
			clear(j.dst.part(r, c0, n))
		} else {
			copy(j.dst.part(r, c0, n), j.src.part(r, c0, n))
		}
	}
}

// Zero clears t.
func (b *Backend) Zero(t tensor.Tensor) {
	j := &b.copying
	j.dst, j.src = open(t), mat{}
	j.grid = flatten(&j.dst)
	b.pool.run(j, j.parts())
}

// Copy writes src over dst.
func (b *Backend) Copy(dst, src tensor.Tensor) {
	want("copy", "source", src, dst.Rows, dst.Cols)
	j := &b.copying
	j.dst, j.src = open(dst), open(src)
	j.grid = flatten(&j.dst, &j.src)
	b.pool.run(j, j.parts())
}
