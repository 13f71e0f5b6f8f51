package cpu

import (
	"fmt"
	"math"

	"github.com/belay-ml/belay/ascend/cpu/kernel"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/tensor"
)

// curve gives the constants of the activations that are x*sigmoid(...). The tanh form of GELU is one:
// (1+tanh(z))/2 = sigmoid(2z) with z = sqrt(2/pi)*(x + 0.044715*x^3).
func curve(act op.Act) kernel.Curve {
	switch act {
	case op.SiLU:
		return kernel.Curve{C1: 1}
	case op.GELUTanh:
		c := 2 * math.Sqrt(2/math.Pi)
		return kernel.Curve{C1: float32(c), C3: float32(c * 0.044715)}
	case op.GELUErf:
		return kernel.Curve{}
	}
	panic(fmt.Sprintf("cpu: unknown activation %d", act))
}

type gatedJob struct {
	grid
	y, gate, up mat
	act         op.Act
	curve       kernel.Curve
}

func (j *gatedJob) run(w *worker, i int) {
	r0, r1, c0, n := j.part(i)
	for r := r0; r < r1; r++ {
		y, gate, up := j.y.part(r, c0, n), j.gate.part(r, c0, n), j.up.part(r, c0, n)
		if j.act == op.GELUErf {
			for i, x := range gate {
				y[i] = float32(float64(x)*normalCDF(float64(x))) * up[i]
			}
			continue
		}
		w.k.SwishMul(y, gate, up, j.curve)
	}
}

// normalCDF is the distribution function of the standard normal.
func normalCDF(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }

// Gated writes y = act(gate)*up. y may be gate or up.
func (b *Backend) Gated(y, gate, up tensor.Tensor, act op.Act) {
	want("gated", "gate", gate, y.Rows, y.Cols)
	want("gated", "up", up, y.Rows, y.Cols)
	j := &b.gated
	j.y, j.gate, j.up, j.act, j.curve = open(y), open(gate), open(up), act, curve(act)
	j.grid = flatten(&j.y, &j.gate, &j.up)
	b.pool.run(j, j.parts())
}

type gatedBackJob struct {
	grid
	dgate, dup, dy, gate, up mat
	act                      op.Act
	curve                    kernel.Curve
}

func (j *gatedBackJob) run(w *worker, i int) {
	r0, r1, c0, n := j.part(i)
	for r := r0; r < r1; r++ {
		dgate, dup := j.dgate.part(r, c0, n), j.dup.part(r, c0, n)
		dy, gate, up := j.dy.part(r, c0, n), j.gate.part(r, c0, n), j.up.part(r, c0, n)
		if j.act == op.GELUErf {
			for i, d := range dy {
				x, u := float64(gate[i]), up[i]
				cdf := normalCDF(x)
				density := math.Exp(-x*x/2) / math.Sqrt(2*math.Pi)
				dup[i] = d * float32(x*cdf)
				dgate[i] = d * u * float32(cdf+x*density)
			}
			continue
		}
		w.k.SwishMulBackward(dgate, dup, dy, gate, up, j.curve)
	}
}

// GatedBackward writes dgate and dup. They may be gate and up, whose elements are read first.
func (b *Backend) GatedBackward(dgate, dup, dy, gate, up tensor.Tensor, act op.Act) {
	want("gated backward", "dgate", dgate, dy.Rows, dy.Cols)
	want("gated backward", "dup", dup, dy.Rows, dy.Cols)
	want("gated backward", "gate", gate, dy.Rows, dy.Cols)
	want("gated backward", "up", up, dy.Rows, dy.Cols)
	j := &b.gatedBack
	j.dgate, j.dup, j.dy, j.gate, j.up = open(dgate), open(dup), open(dy), open(gate), open(up)
	j.act, j.curve = act, curve(act)
	j.grid = flatten(&j.dgate, &j.dup, &j.dy, &j.gate, &j.up)
	b.pool.run(j, j.parts())
}
