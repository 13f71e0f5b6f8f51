package decoder

import (
	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/tensor"
)

// Shapes: M tokens, H hidden, N heads, K kv heads, D head dim, F ffn.

// acts is what one block's forward pass leaves for its backward pass.
type acts struct {
	x     tensor.Tensor    // M x H, the residual stream going in
	n1    tensor.Tensor    // M x H, normalised
	rstd1 tensor.Tensor    // 1 x M
	qkv   tensor.Tensor    // M x (N+2K)D, q and k turned
	o     tensor.Tensor    // M x ND
	lse   tensor.Tensor    // N x M
	mid   tensor.Tensor    // M x H, the residual stream after attention
	n2    tensor.Tensor    // M x H
	rstd2 tensor.Tensor    // 1 x M
	gu    tensor.Tensor    // M x 2F, [gate|up]
	act   tensor.Tensor    // M x F
	low   [4]tensor.Tensor // M x rank of the adapters at qkv, o, gate_up and down
}

// newActs allocates for the given number of tokens; x and mid are the caller's.
func (m *Model) newActs(tokens int) acts {
	alloc := func(rows, cols int) tensor.Tensor { return m.be.Alloc(dtype.F32, rows, cols) }
	h, f := m.cfg.Hidden, m.cfg.FFN
	a := acts{
		n1: alloc(tokens, h), rstd1: alloc(1, tokens),
		qkv: alloc(tokens, m.qRow+2*m.kRow), o: alloc(tokens, m.qRow), lse: alloc(m.cfg.NumHeads, tokens),
		n2: alloc(tokens, h), rstd2: alloc(1, tokens),
		gu: alloc(tokens, 2*f), act: alloc(tokens, f),
	}
	for i, r := range m.ranks() {
		if r > 0 {
			a.low[i] = alloc(tokens, r)
		}
	}
	return a
}

// ranks gives the largest rank of the adapters at each of the four linear layers of a block.
func (m *Model) ranks() (r [4]int) {
	for i := range m.layers {
		for j, l := range m.layers[i].linears() {
			r[j] = max(r[j], l.rank())
		}
	}
	return r
}

func (l *layer) linears() [4]*linear {
	return [4]*linear{&l.qkv, &l.o, &l.gateUp, &l.down}
}

// rows looks at the first n rows, when there are any.
func rows(t tensor.Tensor, n int) tensor.Tensor {
	if !t.Valid() {
		return t
	}
	return t.RowRange(0, n)
}

// reshape looks at the memory of t, which is all its own, as a smaller matrix.
func reshape(t tensor.Tensor, nRows, cols int) tensor.Tensor { return tensor.New(t.Mem, nRows, cols) }

// first looks at the first n tokens of every tensor; low is cut to the ranks of layer l.
func (a *acts) first(n int, l *layer) acts {
	v := acts{
		x: rows(a.x, n), n1: rows(a.n1, n), rstd1: a.rstd1.ColRange(0, n),
		qkv: rows(a.qkv, n), o: rows(a.o, n), lse: reshape(a.lse, a.lse.Rows, n),
		mid: rows(a.mid, n), n2: rows(a.n2, n), rstd2: a.rstd2.ColRange(0, n),
		gu: rows(a.gu, n), act: rows(a.act, n),
	}
	for i, lin := range l.linears() {
		if r := lin.rank(); r > 0 {
			v.low[i] = rows(a.low[i], n).ColRange(0, r)
		}
	}
	return v
}

func (m *Model) q(qkv tensor.Tensor) tensor.Tensor { return qkv.ColRange(0, m.qRow) }
func (m *Model) k(qkv tensor.Tensor) tensor.Tensor { return qkv.ColRange(m.qRow, m.qRow+m.kRow) }
func (m *Model) v(qkv tensor.Tensor) tensor.Tensor {
	return qkv.ColRange(m.qRow+m.kRow, m.qRow+2*m.kRow)
}

// project is a block up to its attention: norm, q k v, rotary embedding.
func (m *Model) project(l *layer, a *acts, pos []int32) {
	m.be.RMSNorm(a.n1, a.rstd1, a.x, l.attnNorm.data, float32(m.cfg.NormEps))
	l.qkv.forward(m.be, a.qkv, a.n1, a.low[0], false)
	m.be.Rope(a.qkv.ColRange(0, m.qRow+m.kRow), pos, &m.rope, false)
}

// attend is attention among the rows themselves.
func (m *Model) attend(a *acts, spec *op.AttentionSpec) {
	m.be.Attention(a.o, a.lse, m.q(a.qkv), m.k(a.qkv), m.v(a.qkv), spec)
}

// finish is a block from its attention on: output projection, norm, feed-forward, both with their
// residual. y may be a.x itself, and so may a.mid.
func (m *Model) finish(l *layer, a *acts, y tensor.Tensor) {
	m.residual(a.mid, a.x)
	l.o.forward(m.be, a.mid, a.o, a.low[1], true)
	m.be.RMSNorm(a.n2, a.rstd2, a.mid, l.mlpNorm.data, float32(m.cfg.NormEps))
	l.gateUp.forward(m.be, a.gu, a.n2, a.low[2], false)
	f := m.cfg.FFN
	m.be.Gated(a.act, a.gu.ColRange(0, f), a.gu.ColRange(f, 2*f), m.act)
	if !y.Valid() {
		return
	}
	m.residual(y, a.mid)
	l.down.forward(m.be, y, a.act, a.low[3], true)
}

// residual starts dst with src; nothing is to be done when they are the same memory.
func (m *Model) residual(dst, src tensor.Tensor) {
	if dst.Mem != src.Mem || dst.Off != src.Off {
		m.be.Copy(dst, src)
	}
}
