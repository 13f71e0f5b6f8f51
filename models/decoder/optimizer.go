package decoder

import (
	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/tensor"
)

// Optimizer holds AdamW's moments of everything that trained when it was made.
type Optimizer struct {
	m     *Model
	units []*unit
	first []tensor.Tensor // exponential average of the gradient
	next  []tensor.Tensor // exponential average of its square
}

// NewOptimizer allocates zero moments.
func (m *Model) NewOptimizer() *Optimizer {
	o := &Optimizer{m: m}
	m.allocGrads()
	m.trainable(func(u *unit) {
		o.units = append(o.units, u)
		o.first = append(o.first, m.be.Alloc(dtype.F32, u.data.Rows, u.data.Cols))
		o.next = append(o.next, m.be.Alloc(dtype.F32, u.data.Rows, u.data.Cols))
	})
	return o
}

// Step updates every trainable tensor; weight decay leaves vectors (norms, biases) alone.
func (o *Optimizer) Step(c op.AdamW) {
	decay := c.WeightDecay
	for i, u := range o.units {
		c.WeightDecay = 0
		if u.decay {
			c.WeightDecay = decay
		}
		o.m.be.AdamW(u.data, u.grad, o.first[i], o.next[i], c)
	}
}

// Moment is AdamW's state of one canonical tensor.
type Moment struct {
	Name             string
	Shape            []int
	ExpAvg, ExpAvgSq tensor.Tensor
}

// Moments lists the state, in the order of Model.Trainable.
func (o *Optimizer) Moments() []Moment {
	var out []Moment
	for i, u := range o.units {
		for j, p := range u.parts {
			out = append(out, Moment{Name: p.name, Shape: u.shape(j), ExpAvg: u.look(o.first[i], j), ExpAvgSq: u.look(o.next[i], j)})
		}
	}
	return out
}
