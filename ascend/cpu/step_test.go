package cpu

import (
	"math"
	"testing"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/tensor"
)

// filled is a tensor of small numbers of both signs.
func (b *Backend) filled(rows, cols int) tensor.Tensor {
	t := b.Alloc(dtype.F32, rows, cols)
	src := make([]float32, rows*cols)
	for i := range src {
		src[i] = float32(i%17)/17 - 0.4
	}
	b.Upload(t, src)
	return t
}

// trainingStep is every operation of a step of a one-layer model, and of decoding.
func trainingStep(b *Backend) func() {
	const m, h, heads, kv, dim, f, v = 96, 64, 4, 2, 16, 160, 300
	t := func(rows, cols int) tensor.Tensor { return b.filled(rows, cols) }
	x, y, rstd, norm, dnorm := t(m, h), t(m, h), t(1, m), t(1, h), t(1, h)
	q, k, val, o, lse := t(m, heads*dim), t(m, kv*dim), t(m, kv*dim), t(m, heads*dim), t(heads, m)
	dq, dk, dv := t(m, heads*dim), t(m, kv*dim), t(m, kv*dim)
	w, dw, m1, m2 := t(h, h), t(h, h), b.Alloc(dtype.F32, h, h), b.Alloc(dtype.F32, h, h)
	gate, up, act := t(m, f), t(m, f), t(m, f)
	table, logits, bias := t(v, h), t(m, v), t(1, h)
	cache := t(4*m, kv*dim)
	ids, pos, slot, loss := make([]int32, m), make([]int32, m), make([]int32, m), make([]float32, m)
	greedy := make([]bool, m)
	for i := range pos {
		pos[i] = int32(i)
	}
	rope := op.RopeSpec{HeadDim: dim, InvFreq: []float64{1, 0.5, 0.25, 0.125}}
	spec := op.AttentionSpec{Heads: heads, KVHeads: kv, HeadDim: dim, Scale: 0.25, CuSeqlens: []int32{0, 40, m}, Softcap: 30}
	return func() {
		b.Embed(x, table, ids)
		b.RMSNorm(y, rstd, x, norm, 1e-5)
		b.MatMul(q, y, w, false, true, 1, 0)
		b.AddRow(y, bias)
		b.SumRows(bias, y)
		b.Rope(q, pos, &rope, false)
		b.Attention(o, lse, q, k, val, &spec)
		b.AttentionBackward(dq, dk, dv, q, o, lse, q, k, val, &spec)
		b.CacheStore(cache, k, slot, pos, m)
		b.AttentionCached(o, q, cache, cache, slot, pos, m, &spec)
		b.AttentionCached(o.RowRange(0, 1), q.RowRange(0, 1), cache, cache, slot[:1], pos[5:6], m, &spec)
		b.Gated(act, gate, up, op.SiLU)
		b.GatedBackward(gate, up, act, gate, up, op.GELUTanh)
		b.MatMul(logits, y, table, false, true, 1, 0)
		b.MatMul(logits.RowRange(0, 1), y.RowRange(0, 1), table, false, true, 1, 0)
		b.LogProbs(loss, greedy, logits, ids)
		b.CrossEntropy(loss, logits, ids, 1, true)
		b.MatMul(y, logits, table, false, false, 1, 0)
		b.MatMul(table, logits, y, true, false, 1, 1)
		b.RMSNormBackward(x, dnorm, y, x, norm, rstd)
		b.EmbedBackward(table, x, ids)
		b.SumSquares(dw)
		b.AdamW(w, dw, m1, m2, op.AdamW{LR: 1e-3, Beta1: .9, Beta2: .95, Eps: 1e-8, Step: 3, GradScale: 1})
		b.Add(dw, w, 0.5)
		b.Scale(dw, 0.1)
		b.Copy(w, dw)
		b.Zero(dw)
	}
}

func TestWarmedStepAllocatesNothing(t *testing.T) {
	for _, threads := range []int{1, 3} {
		b := New(threads)
		step := trainingStep(b)
		for range 3 {
			step()
		}
		if n := testing.AllocsPerRun(5, step); n != 0 {
			t.Errorf("%d threads: %g allocations a step", threads, n)
		}
		b.Close()
	}
}

// refused is what an operation panics with.
func refused(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

func TestPanicOnAWorkerReachesTheCallerAndThePoolLivesOn(t *testing.T) {
	t.Parallel()
	b := New(3)
	defer b.Close()
	for range 20 {
		if v := refused(func() { b.pool.run(panicking{}, 50) }); v != "part" {
			t.Fatalf("have %v", v)
		}
		x := b.filled(300, 300)
		b.Scale(x, 2)
		got := make([]float32, 1)
		b.Download(got, x.RowRange(0, 1).ColRange(0, 1))
		if math.Abs(float64(got[0])+0.8) > 1e-6 {
			t.Fatalf("after a panic: have %g", got[0])
		}
	}
}

type panicking struct{}

func (panicking) run(*worker, int) { panic("part") }

func TestCloseEndsTheWorkersAndMayBeRepeated(t *testing.T) {
	t.Parallel()
	for range 50 {
		b := New(4)
		b.Scale(b.filled(100, 500), 2)
		b.Close()
		b.Close()
	}
}

func TestMemoryOfAnotherKindIsRefused(t *testing.T) {
	t.Parallel()
	b := New(1)
	defer b.Close()
	if refused(func() { b.Alloc(dtype.BF16, 2, 2) }) == nil {
		t.Error("an element type that is not stored was allocated")
	}
	if refused(func() { b.Zero(tensor.Tensor{Rows: 1, Cols: 1, Stride: 1}) }) == nil {
		t.Error("a tensor without memory was cleared")
	}
	short := b.filled(2, 2)
	short.Rows = 3
	if refused(func() { b.Zero(short) }) == nil {
		t.Error("a tensor longer than its memory was cleared")
	}
}

func TestPositionsBeyondTheTableExtendIt(t *testing.T) {
	t.Parallel()
	b := New(1)
	defer b.Close()
	spec := op.RopeSpec{HeadDim: 2, InvFreq: []float64{0.001}}
	for _, p := range []int32{3, 5000, 4, 100000} {
		x := b.Alloc(dtype.F32, 1, 2)
		b.Upload(x, []float32{1, 0})
		b.Rope(x, []int32{p}, &spec, false)
		got := make([]float32, 2)
		b.Download(got, x)
		if want := math.Cos(float64(float32(p) * float32(0.001))); math.Abs(float64(got[0])-want) > 1e-6 {
			t.Errorf("position %d: have %g, want %g", p, got[0], want)
		}
	}
	if len(b.ropes) != 1 {
		t.Errorf("%d tables for one set of angles", len(b.ropes))
	}
}
