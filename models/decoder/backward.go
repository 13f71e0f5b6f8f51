package decoder

import (
	"errors"
	"fmt"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/ascend/tensor"
)

// gradPlan is the scratch of the backward pass, shared by all layers.
type gradPlan struct {
	dx   tensor.Tensor    // M x H, gradient of the residual stream
	dn   tensor.Tensor    // M x H, gradient of a normalised input
	dqkv tensor.Tensor    // M x (N+2K)D
	do   tensor.Tensor    // M x ND
	dgu  tensor.Tensor    // M x 2F
	dact tensor.Tensor    // M x F
	low  [4]tensor.Tensor // M x rank
}

func (m *Model) newGradPlan(tokens int) gradPlan {
	alloc := func(cols int) tensor.Tensor { return m.be.Alloc(dtype.F32, tokens, cols) }
	h, f := m.cfg.Hidden, m.cfg.FFN
	g := gradPlan{
		dx: alloc(h), dn: alloc(h), dqkv: alloc(m.qRow + 2*m.kRow), do: alloc(m.qRow),
		dgu: alloc(2 * f), dact: alloc(f),
	}
	for i, r := range m.ranks() {
		if r > 0 {
			g.low[i] = alloc(r)
		}
	}
	return g
}

// Step is one micro batch of training: Forward, then Backward of scale times the mean loss of the
// counted tokens. A micro batch where nothing counts has loss 0, count 0 and leaves gradients as they are.
func (b *Batch) Step(in Input, scale float64) (Loss, error) {
	if !b.opt.Grad {
		return Loss{}, errors.New("step: the batch was made without gradients")
	}
	if in.Targets == nil {
		return Loss{}, errors.New("step: no targets")
	}
	if err := b.Forward(in); err != nil {
		return Loss{}, err
	}
	count := 0
	for _, t := range in.Targets {
		if t >= 0 {
			count++
		}
	}
	if count == 0 {
		clear(b.loss[:b.tokens])
		return Loss{}, nil
	}
	return b.backward(float32(scale/float64(count)), nil), nil
}

// Backward accumulates the gradient of sum over sequences s of weights[s] * (sum of the losses of s),
// after Forward. Objectives over whole sequences (preference losses) are made of it: run Loss, derive
// the weights, then Backward.
func (b *Batch) Backward(weights []float32) (Loss, error) {
	if !b.opt.Grad {
		return Loss{}, errors.New("backward: the batch was made without gradients")
	}
	if b.in.Targets == nil {
		return Loss{}, errors.New("backward: no targets")
	}
	if want := len(b.in.CuSeqlens) - 1; len(weights) != want {
		return Loss{}, fmt.Errorf("backward: %d weights for %d sequences", len(weights), want)
	}
	return b.backward(0, weights), nil
}

// backward walks the graph of Forward from the head to the embedding.
func (b *Batch) backward(scale float32, bySeq []float32) Loss {
	m, n, g := b.m, b.tokens, &b.back
	dx, dhn := rows(g.dx, n), rows(g.dn, n)
	loss := b.headBackward(dhn, scale, bySeq)
	m.be.Zero(dx)
	m.be.RMSNormBackward(dx, m.norm.grad, dhn, rows(b.x, n), m.norm.data, b.rstd.ColRange(0, n))
	for i := len(m.layers) - 1; i >= 0; i-- {
		if b.opt.Recompute {
			b.block(i, tensor.Tensor{})
		}
		b.blockBackward(i, dx)
	}
	if !m.embed.frozen {
		m.be.EmbedBackward(m.embed.grad, dx, b.in.IDs)
	}
	return loss
}

// blockBackward turns dx, the gradient of block i's output, into that of its input, in place: each
// half adds its branch's share to what flows through the residual connection.
func (b *Batch) blockBackward(i int, dx tensor.Tensor) {
	m, n, g := b.m, b.tokens, &b.back
	l := &m.layers[i]
	a := b.acts[i].first(n, l)
	var low [4]tensor.Tensor
	for j, lin := range l.linears() {
		if r := lin.rank(); r > 0 {
			low[j] = rows(g.low[j], n).ColRange(0, r)
		}
	}
	dn, dqkv, do := rows(g.dn, n), rows(g.dqkv, n), rows(g.do, n)
	dgu, dact := rows(g.dgu, n), rows(g.dact, n)
	f := m.cfg.FFN

	l.down.backward(m.be, dact, dx, a.act, a.low[3], low[3])
	m.be.GatedBackward(dgu.ColRange(0, f), dgu.ColRange(f, 2*f), dact, a.gu.ColRange(0, f), a.gu.ColRange(f, 2*f), m.act)
	l.gateUp.backward(m.be, dn, dgu, a.n2, a.low[2], low[2])
	m.be.RMSNormBackward(dx, l.mlpNorm.grad, dn, a.mid, l.mlpNorm.data, a.rstd2)

	l.o.backward(m.be, do, dx, a.o, a.low[1], low[1])
	b.spec.Window = m.cfg.Window(i)
	m.be.AttentionBackward(m.q(dqkv), m.k(dqkv), m.v(dqkv), do, a.o, a.lse, m.q(a.qkv), m.k(a.qkv), m.v(a.qkv), &b.spec)
	m.be.Rope(dqkv.ColRange(0, m.qRow+m.kRow), b.in.Pos, &m.rope, true)
	if i == 0 && m.embed.frozen && l.attnNorm.frozen {
		dn = tensor.Tensor{} // nothing below learns
	}
	l.qkv.backward(m.be, dn, dqkv, a.n1, a.low[0], low[0])
	if dn.Valid() {
		m.be.RMSNormBackward(dx, l.attnNorm.grad, dn, a.x, l.attnNorm.data, a.rstd1)
	}
}
