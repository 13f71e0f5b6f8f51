package cpu

import (
	"fmt"
	"math"

	"github.com/belay-ml/belay/ascend/cpu/kernel"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/tensor"
)

// queryRows is the aim for the height of a block of queries: a multiple of the micro-kernel's rows,
// large enough to repay packing the keys, small enough to skip most of the masked triangle.
const queryRows = 72

// queryBlock is neighbouring queries of one sequence: query row+i stands at position pos+i of the
// sequence whose key of position 0 is row keys.
type queryBlock struct {
	row, n, pos, keys int
}

// attentionJob does forward attention. A part is one block of queries of one head: all scores of the
// block at once, so that the softmax of a row is exact and nothing is rescaled.
type attentionJob struct {
	o, q, k, v mat
	lse        mat // empty when not wanted
	spec       op.AttentionSpec
	blocks     []queryBlock
}

func (j *attentionJob) run(w *worker, i int) {
	b, h := j.blocks[i/j.spec.Heads], i%j.spec.Heads
	first, n := keyRange(b, j.spec.Window)
	w.score(j, b, h, first, n, false)
	d := j.spec.HeadDim
	kv := h / (j.spec.Heads / j.spec.KVHeads) * d
	w.row = grow(w.row, b.n)
	sums := w.row[:b.n]
	for r := range b.n {
		from, to := visible(b, r, first, j.spec.Window)
		s := w.scores[r*n : (r+1)*n]
		most := w.k.Max(s[from:to])
		sum := w.exps(s[from:to], most)
		clear(s[:from])
		clear(s[to:])
		sums[r] = float32(1 / sum)
		if j.lse.d != nil {
			j.lse.d[h*j.lse.stride+b.row+r] = float32(float64(most) + math.Log(sum))
		}
	}
	o := j.o.d[b.row*j.o.stride+h*d:]
	v := j.v.d[(b.keys+first)*j.v.stride+kv:]
	if b.n == 1 {
		clear(o[:d])
		w.k.AddRows(o[:d], v, j.v.stride, w.scores[:n])
	} else {
		w.k.Gemm(&w.scratch, b.n, d, n, 1, kernel.Matrix{Data: w.scores, Stride: n}, kernel.Matrix{Data: v, Stride: j.v.stride}, 0, o, j.o.stride)
	}
	for r := range b.n {
		w.k.Scale(o[r*j.o.stride:][:d], sums[r])
	}
}

// exps replaces s by e^(s-most) and gives the sum.
func (w *worker) exps(s []float32, most float32) float64 {
	var sum float64
	for c := 0; c < len(s); c += expBlock {
		part := s[c:min(c+expBlock, len(s))]
		sum += float64(w.k.Exp(part, part, most))
	}
	return sum
}

// keyRange is the positions [first, first+n) that some query of b sees.
func keyRange(b queryBlock, window int) (first, n int) {
	if window > 0 {
		first = max(0, b.pos-window+1)
	}
	return first, b.pos + b.n - first
}

// visible is the columns of the block that query r sees.
func visible(b queryBlock, r, first, window int) (from, to int) {
	at := b.pos + r
	if window > 0 {
		from = max(0, at-window+1-first)
	}
	return from, at + 1 - first
}

// score fills w.scores, b.n x n, with the scores of head h before the mask. With slopes and a softcap it
// fills w.slopes with the derivatives of the cap.
func (w *worker) score(j *attentionJob, b queryBlock, h, first, n int, slopes bool) {
	s := &j.spec
	d := s.HeadDim
	kv := h / (s.Heads / s.KVHeads) * d
	w.scores = grow(w.scores, b.n*n)
	q := j.q.d[b.row*j.q.stride+h*d:]
	k := j.k.d[(b.keys+first)*j.k.stride+kv:]
	if b.n == 1 {
		w.scoreOne(q[:d], k, j.k.stride, s.Scale, n)
	} else {
		w.k.Gemm(&w.scratch, b.n, n, d, s.Scale, kernel.Matrix{Data: q, Stride: j.q.stride},
			kernel.Matrix{Data: k, Stride: j.k.stride, Trans: true}, 0, w.scores, n)
	}
	if s.Softcap > 0 {
		if slopes {
			w.slopes = grow(w.slopes, b.n*n)
		}
		for r := range b.n {
			from, to := visible(b, r, first, s.Window)
			row := w.scores[r*n+from : r*n+to]
			for i, v := range row {
				t := float32(math.Tanh(float64(v / s.Softcap)))
				row[i] = s.Softcap * t
				if slopes {
					w.slopes[r*n+from+i] = 1 - t*t
				}
			}
		}
	}
	if s.AlibiSlopes != nil {
		slope := s.AlibiSlopes[h]
		for r := range b.n {
			from, to := visible(b, r, first, s.Window)
			row := w.scores[r*n+from : r*n+to]
			for i := range row {
				row[i] += slope * float32(i+1-len(row))
			}
		}
	}
}

// scoreOne does one query against n keys, four keys at a time.
func (w *worker) scoreOne(q, k []float32, stride int, scale float32, n int) {
	i := 0
	for ; i+4 <= n; i += 4 {
		a, b, c, d := w.k.Dot4(q, k[i*stride:], stride)
		w.scores[i], w.scores[i+1], w.scores[i+2], w.scores[i+3] = scale*a, scale*b, scale*c, scale*d
	}
	for ; i < n; i++ {
		w.scores[i] = scale * w.k.Dot(q, k[i*stride:])
	}
}

// checkAttention panics unless the shapes fit and gives the number of tokens.
func checkAttention(what string, q, k, v tensor.Tensor, s *op.AttentionSpec) {
	if s.Heads <= 0 || s.KVHeads <= 0 || s.Heads%s.KVHeads != 0 || s.HeadDim <= 0 {
		panic(fmt.Sprintf("cpu: %s: %d heads, %d key/value heads of %d", what, s.Heads, s.KVHeads, s.HeadDim))
	}
	want(what, "q", q, q.Rows, s.Heads*s.HeadDim)
	want(what, "k", k, k.Rows, s.KVHeads*s.HeadDim)
	want(what, "v", v, k.Rows, s.KVHeads*s.HeadDim)
	if s.AlibiSlopes != nil {
		wantLen(what, "alibi slopes", len(s.AlibiSlopes), s.Heads)
	}
}

// cut appends the blocks of the sequences; the longest rows of keys come first, for balance.
func cut(blocks []queryBlock, cu []int32, rows int) []queryBlock {
	if len(cu) == 0 || cu[0] != 0 || int(cu[len(cu)-1]) != rows {
		panic(fmt.Sprintf("cpu: attention: cumulative lengths %v do not cover %d rows", cu, rows))
	}
	for s := range len(cu) - 1 {
		base, n := int(cu[s]), int(cu[s+1]-cu[s])
		if n < 0 {
			panic(fmt.Sprintf("cpu: attention: cumulative lengths %v fall", cu))
		}
		step := blockStep(n)
		for at := (n - 1) / step * step; n > 0 && at >= 0; at -= step {
			blocks = append(blocks, queryBlock{row: base + at, n: min(step, n-at), pos: at, keys: base})
		}
	}
	return blocks
}

// blockStep cuts n queries into blocks of near equal height, a multiple of 6.
func blockStep(n int) int {
	if n <= 1 {
		return 1
	}
	return ceilDiv(ceilDiv(n, ceilDiv(n, queryRows)), 6) * 6
}

// Attention writes o and lse.
func (b *Backend) Attention(o, lse, q, k, v tensor.Tensor, spec *op.AttentionSpec) {
	checkAttention("attention", q, k, v, spec)
	want("attention", "k", k, q.Rows, k.Cols)
	want("attention", "o", o, q.Rows, q.Cols)
	want("attention", "lse", lse, spec.Heads, q.Rows)
	j := &b.attention
	*j = attentionJob{o: open(o), lse: open(lse), q: open(q), k: open(k), v: open(v), spec: *spec,
		blocks: cut(j.blocks[:0], spec.CuSeqlens, q.Rows)}
	b.pool.run(j, len(j.blocks)*spec.Heads)
}
