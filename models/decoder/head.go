package decoder

import (
	"fmt"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/ascend/tensor"
)

// headElems bounds the logits that exist at a time, in elements (32 MiB).
const headElems = 8 << 20

// headPlan is the memory of the vocabulary head, which runs over at most chunk rows at a time.
type headPlan struct {
	chunk  int
	logits tensor.Tensor // chunk x V
	sel    tensor.Tensor // chunk x H, hidden states of rows that do not lie back to back
	dsel   tensor.Tensor // chunk x H
	rows   []int32       // rows to compute, ascending
	target []int32       // their targets
	loss   []float32
	greedy []bool
}

func (m *Model) newHeadPlan(tokens int) headPlan {
	chunk := min(tokens, max(16, headElems/m.cfg.Vocab))
	return headPlan{
		chunk:  chunk,
		logits: m.be.Alloc(dtype.F32, chunk, m.cfg.Vocab),
		sel:    m.be.Alloc(dtype.F32, chunk, m.cfg.Hidden),
		dsel:   m.be.Alloc(dtype.F32, chunk, m.cfg.Hidden),
		rows:   make([]int32, 0, tokens),
		target: make([]int32, 0, tokens),
		loss:   make([]float32, tokens),
		greedy: make([]bool, tokens),
	}
}

// Loss is the sum of token losses and how many tokens counted.
type Loss struct {
	Sum   float64
	Count int
}

// Mean is the loss a counted token.
func (l Loss) Mean() float64 { return l.Sum / float64(l.Count) }

// choose lists the rows with a target. When nearly all have one, the rest come along: they cost less
// than gathering.
func (b *Batch) choose() (count int) {
	h := &b.head
	h.rows, h.target = h.rows[:0], h.target[:0]
	for _, t := range b.in.Targets {
		if t >= 0 {
			count++
		}
	}
	all := count*8 > b.tokens*7
	for i, t := range b.in.Targets {
		if t >= 0 || all {
			h.rows = append(h.rows, int32(i))
			h.target = append(h.target, t)
		}
	}
	return count
}

// part gives the hidden states of rows [from, to) of the chosen list and whether they lie back to back.
func (b *Batch) part(from, to int) (hidden tensor.Tensor, direct bool) {
	rs := b.head.rows[from:to]
	first, last := int(rs[0]), int(rs[len(rs)-1])
	if last-first == len(rs)-1 {
		return b.hn.RowRange(first, last+1), true
	}
	sel := b.head.sel.RowRange(0, len(rs))
	b.m.be.Embed(sel, b.hn, rs)
	return sel, false
}

// logitsOf computes the logits of rows [from, to) of the chosen list.
func (b *Batch) logitsOf(hidden tensor.Tensor) tensor.Tensor {
	logits := b.head.logits.RowRange(0, hidden.Rows)
	b.m.be.MatMul(logits, hidden, b.m.head.data, false, true, 1, 0)
	return logits
}

// Loss runs the head over the counted rows of the last Forward.
func (b *Batch) Loss() Loss {
	count := b.choose()
	h := &b.head
	for from := 0; from < len(h.rows); from += h.chunk {
		to := min(from+h.chunk, len(h.rows))
		hidden, _ := b.part(from, to)
		b.m.be.CrossEntropy(h.loss[from:to], b.logitsOf(hidden), h.target[from:to], 0, false)
	}
	return b.collect(count)
}

// collect spreads the losses over the rows and sums them in order.
func (b *Batch) collect(count int) Loss {
	clear(b.loss[:b.tokens])
	out := Loss{Count: count}
	for i, r := range b.head.rows {
		b.loss[r] = b.head.loss[i]
		out.Sum += float64(b.head.loss[i])
	}
	return out
}

// TokenLosses is the loss of every row after Loss, Step or Backward; 0 where it does not count.
func (b *Batch) TokenLosses() []float32 { return b.loss[:b.tokens] }

// headBackward runs the head over the counted rows, accumulates the head's gradient and writes the
// gradient of hn to dhn. Row losses weigh scale, or bySeq[s] in sequence s when that is not nil.
func (b *Batch) headBackward(dhn tensor.Tensor, scale float32, bySeq []float32) Loss {
	be, h := b.m.be, &b.head
	count := b.choose()
	if len(h.rows) < b.tokens {
		be.Zero(dhn)
	}
	seq := 0
	for from := 0; from < len(h.rows); from += h.chunk {
		to := min(from+h.chunk, len(h.rows))
		hidden, direct := b.part(from, to)
		logits := b.logitsOf(hidden)
		if bySeq == nil {
			be.CrossEntropy(h.loss[from:to], logits, h.target[from:to], scale, true)
		} else {
			for i := from; i < to; {
				for h.rows[i] >= b.in.CuSeqlens[seq+1] {
					seq++
				}
				end := i + 1
				for end < to && h.rows[end] < b.in.CuSeqlens[seq+1] {
					end++
				}
				be.CrossEntropy(h.loss[i:end], logits.RowRange(i-from, end-from), h.target[i:end], bySeq[seq], true)
				i = end
			}
		}
		if w := b.m.head; !w.frozen {
			be.MatMul(w.grad, logits, hidden, true, false, 1, 1)
		}
		if direct {
			first := int(h.rows[from])
			be.MatMul(dhn.RowRange(first, first+to-from), logits, b.m.head.data, false, false, 1, 0)
		} else {
			dsel := h.dsel.RowRange(0, to-from)
			be.MatMul(dsel, logits, b.m.head.data, false, false, 1, 0)
			be.EmbedBackward(dhn, dsel, h.rows[from:to])
		}
	}
	return b.collect(count)
}

// Score gives, after Forward, the log-probability of every row's target and whether the target is the
// most likely token; 0 and false where the target is negative. The head runs over those rows alone.
func (b *Batch) Score(logp []float32, greedy []bool) error {
	if len(logp) != b.tokens || len(greedy) != b.tokens {
		return fmt.Errorf("score: room for %d and %d rows, want %d", len(logp), len(greedy), b.tokens)
	}
	h := &b.head
	h.rows, h.target = h.rows[:0], h.target[:0]
	for i, t := range b.in.Targets {
		if t >= 0 {
			h.rows = append(h.rows, int32(i))
			h.target = append(h.target, t)
		}
	}
	clear(logp)
	clear(greedy)
	for from := 0; from < len(h.rows); from += h.chunk {
		to := min(from+h.chunk, len(h.rows))
		hidden, _ := b.part(from, to)
		b.m.be.LogProbs(h.loss[from:to], h.greedy[from:to], b.logitsOf(hidden), h.target[from:to])
	}
	for i, r := range h.rows {
		logp[r], greedy[r] = h.loss[i], h.greedy[i]
	}
	return nil
}

// Logits writes the logits of the given ascending rows of the last Forward to dst, row-major; nil
// means all rows.
func (b *Batch) Logits(dst []float32, want []int32) error {
	h := &b.head
	h.rows = h.rows[:0]
	if want == nil {
		for i := range b.tokens {
			h.rows = append(h.rows, int32(i))
		}
	}
	for i, r := range want {
		if r < 0 || int(r) >= b.tokens || (i > 0 && r <= want[i-1]) {
			return fmt.Errorf("logits: row %d of %d tokens is not in ascending order", r, b.tokens)
		}
		h.rows = append(h.rows, r)
	}
	v := b.m.cfg.Vocab
	if len(dst) != len(h.rows)*v {
		return fmt.Errorf("logits: room for %d numbers, want %d", len(dst), len(h.rows)*v)
	}
	for from := 0; from < len(h.rows); from += h.chunk {
		to := min(from+h.chunk, len(h.rows))
		hidden, _ := b.part(from, to)
		b.m.be.Download(dst[from*v:to*v], b.logitsOf(hidden))
	}
	return nil
}
