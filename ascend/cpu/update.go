package cpu

import (
	"math"

	"github.com/belay-ml/belay/ascend/cpu/kernel"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/tensor"
)

// squaresJob writes one sum a part; the parts depend on the shape alone.
type squaresJob struct {
	grid
	t    mat
	sums []float64
}

func (j *squaresJob) run(w *worker, i int) {
	r0, r1, c0, n := j.part(i)
	var s float64
	for r := r0; r < r1; r++ {
		s += w.k.SumSquares(j.t.part(r, c0, n))
	}
	j.sums[i] = s
}

// SumSquares is the sum of squares of t.
func (b *Backend) SumSquares(t tensor.Tensor) float64 {
	j := &b.squares
	j.t = open(t)
	j.grid = flatten(&j.t)
	n := j.parts()
	if cap(j.sums) < n {
		j.sums = make([]float64, n)
	}
	j.sums = j.sums[:n]
	b.pool.run(j, n)
	var s float64
	for _, v := range j.sums {
		s += v
	}
	return s
}

type adamwJob struct {
	grid
	p, g, m, v mat
	step       kernel.AdamWStep
}

func (j *adamwJob) run(w *worker, i int) {
	r0, r1, c0, n := j.part(i)
	for r := r0; r < r1; r++ {
		w.k.AdamW(j.p.part(r, c0, n), j.g.part(r, c0, n), j.m.part(r, c0, n), j.v.part(r, c0, n), &j.step)
	}
}

// AdamW updates the parameter p and its moments m and v from the gradient g, as PyTorch's AdamW does.
func (b *Backend) AdamW(p, g, m, v tensor.Tensor, c op.AdamW) {
	want("adamw", "gradient", g, p.Rows, p.Cols)
	want("adamw", "first moment", m, p.Rows, p.Cols)
	want("adamw", "second moment", v, p.Rows, p.Cols)
	j := &b.adamw
	j.p, j.g, j.m, j.v = open(p), open(g), open(m), open(v)
	j.step = adamWStep(c)
	j.grid = flatten(&j.p, &j.g, &j.m, &j.v)
	b.pool.run(j, j.parts())
}

// adamWStep folds the corrections of bias into the constants: with b1 = 1-Beta1^Step and b2 likewise, the
// step is LR/b1 * m / (sqrt(v)/sqrt(b2) + Eps).
func adamWStep(c op.AdamW) kernel.AdamWStep {
	lr, beta1, beta2 := float64(c.LR), float64(c.Beta1), float64(c.Beta2)
	step := float64(c.Step)
	return kernel.AdamWStep{
		GradScale: c.GradScale,
		Beta1:     c.Beta1, OneMinusBeta1: float32(1 - beta1),
		Beta2: c.Beta2, OneMinusBeta2: float32(1 - beta2),
		Decay:          float32(1 - lr*float64(c.WeightDecay)),
		Rate:           float32(lr / (1 - math.Pow(beta1, step))),
		RootCorrection: float32(1 / math.Sqrt(1-math.Pow(beta2, step))),
		Eps:            c.Eps,
	}
}
