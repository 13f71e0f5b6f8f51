package decoder

import (
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/tensor"
)

// linear is y = x W^T + b, with or without low-rank adapters beside it.
type linear struct {
	name  string // canonical name of the joined projection, "layers.3.attn.qkv"
	parts []part // the canonical projections inside, in order of their rows
	w     *unit
	b     *unit // nil without bias
	site  *site // nil without adapters
}

// rank is the total rank of the adapters.
func (l *linear) rank() int {
	if l.site == nil {
		return 0
	}
	return l.site.a.data.Rows
}

// forward writes y, or with accumulate adds to it. xa (M x rank) keeps x A^T for the backward pass.
func (l *linear) forward(be op.Backend, y, x, xa tensor.Tensor, accumulate bool) {
	beta := float32(0)
	if accumulate {
		beta = 1
	}
	be.MatMul(y, x, l.w.data, false, true, 1, beta)
	if l.b != nil {
		be.AddRow(y, l.b.data)
	}
	if s := l.site; s != nil {
		be.MatMul(xa, x, s.a.data, false, true, 1, 0)
		for i := range s.targets {
			t := &s.targets[i]
			be.MatMul(y.ColRange(t.from, t.to), xa.ColRange(t.low, t.high), t.b.data, false, true, s.scale, 1)
		}
	}
}

// backward accumulates the gradients of what trains and writes dx, unless that is not valid. dxa is
// scratch as wide as rank.
func (l *linear) backward(be op.Backend, dx, dy, x, xa, dxa tensor.Tensor) {
	if dx.Valid() {
		be.MatMul(dx, dy, l.w.data, false, false, 1, 0)
	}
	if !l.w.frozen {
		be.MatMul(l.w.grad, dy, x, true, false, 1, 1)
	}
	if l.b != nil && !l.b.frozen {
		be.SumRows(l.b.grad, dy)
	}
	s := l.site
	if s == nil {
		return
	}
	for i := range s.targets {
		t := &s.targets[i]
		dyt := dy.ColRange(t.from, t.to)
		be.MatMul(t.b.grad, dyt, xa.ColRange(t.low, t.high), true, false, s.scale, 1)
		be.MatMul(dxa.ColRange(t.low, t.high), dyt, t.b.data, false, false, s.scale, 0)
	}
	be.MatMul(s.a.grad, dxa, x, true, false, 1, 1)
	if dx.Valid() {
		be.MatMul(dx, dxa, s.a.data, false, false, 1, 1)
	}
}
