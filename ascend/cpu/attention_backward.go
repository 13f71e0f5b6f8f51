package cpu

import (
	"github.com/belay-ml/belay/ascend/cpu/kernel"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/tensor"
)

// attentionBackJob does the gradients of attention. A part is one sequence of one key/value head: it
// owns dk and dv there and goes through the group's query heads and their blocks in order.
//
// With p = e^(s-lse), dp = do*v', delta = sum of do*o over a row, ds = p*(dp-delta):
// dq = scale*ds*k, dk = scale*ds'*q, dv = p'*do.
type attentionBackJob struct {
	attentionJob
	dq, dk, dv, do mat
	first          []int // first[s] is where the blocks of sequence s begin
}

func (j *attentionBackJob) run(w *worker, i int) {
	s, kvHead := i/j.spec.KVHeads, i%j.spec.KVHeads
	blocks := j.blocks[j.first[s]:j.first[s+1]]
	if len(blocks) == 0 {
		return
	}
	d := j.spec.HeadDim
	rows := blocks[0].pos + blocks[0].n
	for r := range rows {
		clear(j.dk.part(blocks[0].keys+r, kvHead*d, d))
		clear(j.dv.part(blocks[0].keys+r, kvHead*d, d))
	}
	group := j.spec.Heads / j.spec.KVHeads
	for h := kvHead * group; h < (kvHead+1)*group; h++ {
		for _, b := range blocks {
			j.block(w, b, h, kvHead)
		}
	}
}

// block adds the share of one block of queries.
func (j *attentionBackJob) block(w *worker, b queryBlock, h, kvHead int) {
	d, scale := j.spec.HeadDim, j.spec.Scale
	first, n := keyRange(b, j.spec.Window)
	w.score(&j.attentionJob, b, h, first, n, true)
	w.grads = grow(w.grads, b.n*n)
	at := func(m mat, row, head int) []float32 { return m.d[row*m.stride+head*d:] }
	do := kernel.Matrix{Data: at(j.do, b.row, h), Stride: j.do.stride}
	v := kernel.Matrix{Data: at(j.v, b.keys+first, kvHead), Stride: j.v.stride, Trans: true}
	w.k.Gemm(&w.scratch, b.n, n, d, 1, do, v, 0, w.grads, n)
	for r := range b.n {
		from, to := visible(b, r, first, j.spec.Window)
		p, dp := w.scores[r*n:(r+1)*n], w.grads[r*n:(r+1)*n]
		w.k.Exp(p[from:to], p[from:to], j.lse.d[h*j.lse.stride+b.row+r])
		clear(p[:from])
		clear(p[to:])
		delta := w.k.Dot(j.do.part(b.row+r, h*d, d), j.o.part(b.row+r, h*d, d))
		w.k.SoftmaxBackward(dp[from:to], p[from:to], delta)
		clear(dp[:from])
		clear(dp[to:])
		if j.spec.Softcap > 0 {
			slopes := w.slopes[r*n : (r+1)*n]
			for i := from; i < to; i++ {
				dp[i] *= slopes[i]
			}
		}
	}
	p := kernel.Matrix{Data: w.scores, Stride: n, Trans: true}
	ds := kernel.Matrix{Data: w.grads, Stride: n}
	q := kernel.Matrix{Data: at(j.q, b.row, h), Stride: j.q.stride}
	k := kernel.Matrix{Data: at(j.k, b.keys+first, kvHead), Stride: j.k.stride}
	w.k.Gemm(&w.scratch, n, d, b.n, 1, p, do, 1, at(j.dv, b.keys+first, kvHead), j.dv.stride)
	w.k.Gemm(&w.scratch, b.n, d, n, scale, ds, k, 0, at(j.dq, b.row, h), j.dq.stride)
	ds.Trans = true
	w.k.Gemm(&w.scratch, n, d, b.n, scale, ds, q, 1, at(j.dk, b.keys+first, kvHead), j.dk.stride)
}

// AttentionBackward writes dq, dk and dv.
func (b *Backend) AttentionBackward(dq, dk, dv, do, o, lse, q, k, v tensor.Tensor, spec *op.AttentionSpec) {
	const what = "attention backward"
	checkAttention(what, q, k, v, spec)
	want(what, "k", k, q.Rows, k.Cols)
	want(what, "dq", dq, q.Rows, q.Cols)
	want(what, "dk", dk, k.Rows, k.Cols)
	want(what, "dv", dv, v.Rows, v.Cols)
	want(what, "do", do, q.Rows, q.Cols)
	want(what, "o", o, q.Rows, q.Cols)
	want(what, "lse", lse, spec.Heads, q.Rows)
	j := &b.attnBack
	blocks, first := j.blocks[:0], append(j.first[:0], 0)
	cu := spec.CuSeqlens
	blocks = cut(blocks, cu, q.Rows)
	for s, at := 0, 0; s < len(cu)-1; s++ {
		for at < len(blocks) && blocks[at].row < int(cu[s+1]) && cu[s] < cu[s+1] {
			at++
		}
		first = append(first, at)
	}
	*j = attentionBackJob{
		attentionJob: attentionJob{o: open(o), lse: open(lse), q: open(q), k: open(k), v: open(v), spec: *spec, blocks: blocks},
		dq:           open(dq), dk: open(dk), dv: open(dv), do: open(do), first: first,
	}
	b.pool.run(j, (len(cu)-1)*spec.KVHeads)
}
