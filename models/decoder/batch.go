package decoder

import (
	"fmt"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/tensor"
)

// Input is a micro batch: whole sequences back to back.
type Input struct {
	IDs []int32
	// Targets holds the token each row should predict, negative where a row does not count. The caller
	// has shifted: Targets[i] is usually IDs[i+1].
	Targets []int32
	// Pos holds each row's position; nil counts from 0 in every sequence.
	Pos []int32
	// CuSeqlens holds the cumulative ends of the sequences with a leading 0; nil means one sequence.
	CuSeqlens []int32
}

// Options says what a Batch is for.
type Options struct {
	// MaxTokens is the most tokens of one Forward.
	MaxTokens int
	// Grad keeps activations for Backward and gives the model gradients.
	Grad bool
	// Recompute keeps only the residual stream of each block and computes the rest again in Backward:
	// a fraction of the memory, about a third more work, the same numbers to the last bit.
	Recompute bool
}

// Batch is the activation memory for micro batches of up to MaxTokens tokens.
type Batch struct {
	m   *Model
	opt Options

	acts   []acts        // one a layer; without Grad or with Recompute all share their memory
	x      tensor.Tensor // M x H, the residual stream after the last block
	hn     tensor.Tensor // M x H, x normalised: the head's input
	rstd   tensor.Tensor // 1 x M
	head   headPlan
	back   gradPlan
	spec   op.AttentionSpec
	pos    []int32
	cu     []int32
	loss   []float32
	in     Input // of the last Forward
	tokens int   // of the last Forward
}

// NewBatch allocates a batch. It must be made after adapters are attached.
func (m *Model) NewBatch(opt Options) (*Batch, error) {
	if opt.MaxTokens <= 0 {
		return nil, fmt.Errorf("make batch: %d tokens", opt.MaxTokens)
	}
	n, h := opt.MaxTokens, m.cfg.Hidden
	alloc := func(rows, cols int) tensor.Tensor { return m.be.Alloc(dtype.F32, rows, cols) }
	b := &Batch{
		m: m, opt: opt, spec: m.attention(),
		x: alloc(n, h), hn: alloc(n, h), rstd: alloc(1, n),
		acts: make([]acts, len(m.layers)),
		pos:  make([]int32, n), cu: make([]int32, 0, n+1), loss: make([]float32, n),
	}
	shared := !opt.Grad || opt.Recompute
	var one acts
	if shared {
		one = m.newActs(n)
		one.x, one.mid = b.x, b.x
		if opt.Grad {
			one.mid = alloc(n, h)
		}
	}
	for i := range b.acts {
		if shared {
			b.acts[i] = one
		} else {
			b.acts[i] = m.newActs(n)
			b.acts[i].mid = alloc(n, h)
		}
		if opt.Grad {
			b.acts[i].x = alloc(n, h)
		}
	}
	b.head = m.newHeadPlan(n)
	if opt.Grad {
		m.allocGrads()
		b.back = m.newGradPlan(n)
	}
	return b, nil
}

// Forward computes the hidden states of in. Its slices must stay as they are until the head and
// Backward have run.
func (b *Batch) Forward(in Input) error {
	if err := b.take(in); err != nil {
		return fmt.Errorf("forward: %w", err)
	}
	m, n := b.m, b.tokens
	x := rows(b.x, n)
	if b.opt.Grad {
		x = rows(b.acts[0].x, n)
	}
	m.be.Embed(x, m.embed.data, b.in.IDs)
	for i := range m.layers {
		b.block(i, b.blockOut(i))
	}
	m.be.RMSNorm(rows(b.hn, n), b.rstd.ColRange(0, n), rows(b.x, n), m.norm.data, float32(m.cfg.NormEps))
	return nil
}

// blockOut is where block i leaves the residual stream.
func (b *Batch) blockOut(i int) tensor.Tensor {
	if b.opt.Grad && i+1 < len(b.acts) {
		return rows(b.acts[i+1].x, b.tokens)
	}
	return rows(b.x, b.tokens)
}

// block runs block i; with an invalid y it stops before the last projection.
func (b *Batch) block(i int, y tensor.Tensor) {
	l := &b.m.layers[i]
	a := b.acts[i].first(b.tokens, l)
	b.m.project(l, &a, b.in.Pos)
	b.spec.Window = b.m.cfg.Window(i)
	b.m.attend(&a, &b.spec)
	b.m.finish(l, &a, y)
}

// take checks in and fills in what it leaves out.
func (b *Batch) take(in Input) error {
	n := len(in.IDs)
	if n == 0 || n > b.opt.MaxTokens {
		return fmt.Errorf("%d tokens, want 1 to %d", n, b.opt.MaxTokens)
	}
	if err := b.m.checkIDs(in.IDs); err != nil {
		return err
	}
	if in.CuSeqlens == nil {
		in.CuSeqlens = append(b.cu[:0], 0, int32(n))
	}
	cu := in.CuSeqlens
	if len(cu) < 2 || cu[0] != 0 || cu[len(cu)-1] != int32(n) {
		return fmt.Errorf("sequence ends %v do not cover %d tokens", cu, n)
	}
	for s := 1; s < len(cu); s++ {
		if cu[s] < cu[s-1] {
			return fmt.Errorf("sequence %d ends at %d, before its start %d", s-1, cu[s], cu[s-1])
		}
	}
	if in.Pos == nil {
		in.Pos = b.pos[:n]
		for s := 1; s < len(cu); s++ {
			for i := cu[s-1]; i < cu[s]; i++ {
				in.Pos[i] = i - cu[s-1]
			}
		}
	}
	if len(in.Pos) != n {
		return fmt.Errorf("%d positions for %d tokens", len(in.Pos), n)
	}
	if in.Targets != nil {
		if len(in.Targets) != n {
			return fmt.Errorf("%d targets for %d tokens", len(in.Targets), n)
		}
		for i, t := range in.Targets {
			if int(t) >= b.m.cfg.Vocab {
				return fmt.Errorf("target %d of row %d is outside the vocabulary of %d", t, i, b.m.cfg.Vocab)
			}
		}
	}
	b.in, b.tokens = in, n
	b.spec.CuSeqlens = cu
	return nil
}

func (m *Model) checkIDs(ids []int32) error {
	for i, id := range ids {
		if id < 0 || int(id) >= m.cfg.Vocab {
			return fmt.Errorf("token %d of row %d is outside the vocabulary of %d", id, i, m.cfg.Vocab)
		}
	}
	return nil
}
