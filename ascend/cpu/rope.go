package cpu

import (
	"fmt"
	"math"
	"slices"

	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/tensor"
)

// ropeTable holds the cosines and sines of one set of angles for the positions met so far. Angles are
// products of float32 numbers, as in the programs that trained the checkpoints.
type ropeTable struct {
	freq     []float64
	scale    float64
	cos, sin []float32 // positions x len(freq)
}

// extend makes the table reach position last.
func (t *ropeTable) extend(last int) {
	n := len(t.freq)
	from := len(t.cos) / max(n, 1)
	if last < from || n == 0 {
		return
	}
	to := max(last+1, 2*from, 512)
	cos, sin := make([]float32, to*n), make([]float32, to*n)
	copy(cos, t.cos)
	copy(sin, t.sin)
	for p := from; p < to; p++ {
		for i, f := range t.freq {
			s, c := math.Sincos(float64(float32(p) * float32(f)))
			cos[p*n+i], sin[p*n+i] = float32(c*t.scale), float32(s*t.scale)
		}
	}
	t.cos, t.sin = cos, sin
}

// ropeTable finds the table of spec by its contents, so that callers may build specs anew.
func (b *Backend) ropeTable(spec *op.RopeSpec) *ropeTable {
	scale := spec.Scale
	if scale == 0 {
		scale = 1
	}
	for _, t := range b.ropes {
		if t.scale == scale && slices.Equal(t.freq, spec.InvFreq) {
			return t
		}
	}
	t := &ropeTable{freq: slices.Clone(spec.InvFreq), scale: scale}
	b.ropes = append(b.ropes, t)
	return t
}

type ropeJob struct {
	grid
	x           mat
	pos         []int32
	table       *ropeTable
	dim         int
	interleaved bool
	inverse     bool
}

func (j *ropeJob) run(w *worker, i int) {
	r0, r1, _, _ := j.part(i)
	n := len(j.table.freq)
	w.row = grow(w.row, n)
	for r := r0; r < r1; r++ {
		at := int(j.pos[r]) * n
		cos, sin := j.table.cos[at:at+n], j.table.sin[at:at+n]
		if j.inverse {
			negative := w.row[:n]
			for i, v := range sin {
				negative[i] = -v
			}
			sin = negative
		}
		row := j.x.row(r)
		for h := 0; h < len(row); h += j.dim {
			head := row[h : h+2*n]
			if !j.interleaved {
				w.k.Rotate(head[:n], head[n:], cos, sin)
				continue
			}
			for i := range n {
				a, b := head[2*i], head[2*i+1]
				head[2*i] = a*cos[i] - b*sin[i]
				head[2*i+1] = b*cos[i] + a*sin[i]
			}
		}
	}
}

// Rope turns every head of x in place by its row's position.
func (b *Backend) Rope(x tensor.Tensor, pos []int32, spec *op.RopeSpec, inverse bool) {
	wantLen("rope", "positions", len(pos), x.Rows)
	if spec.HeadDim <= 0 || x.Cols%spec.HeadDim != 0 || 2*len(spec.InvFreq) > spec.HeadDim {
		panic(fmt.Sprintf("cpu: rope: x %v does not hold heads of %d elements with %d turned pairs", x, spec.HeadDim, len(spec.InvFreq)))
	}
	if len(spec.InvFreq) == 0 || x.Rows == 0 {
		return
	}
	wantIDs("rope: position", pos, 0, math.MaxInt32)
	table := b.ropeTable(spec)
	table.extend(int(slices.Max(pos)))
	j := &b.rope
	*j = ropeJob{byRows(x.Rows, x.Cols), open(x), pos, table, spec.HeadDim, spec.Interleaved, inverse}
	b.pool.run(j, j.parts())
}
