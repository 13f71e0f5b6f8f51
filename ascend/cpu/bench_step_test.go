//go:build unix

package cpu

import (
	"fmt"
	"testing"

	"github.com/belay-ml/belay/ascend/op"
)

// BenchmarkTrainingStep is the operations of a training step of a model of about a million parameters,
// without the code around them. It counts 6 flops a matrix parameter and token.
func BenchmarkTrainingStep(b *testing.B) {
	const layers, seqs, length, h, heads, kv, dim, f, v = 4, 16, 128, 128, 4, 2, 32, 384, 1000
	const m, wide = seqs * length, (heads + 2*kv) * dim
	for _, threads := range threadCounts() {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			d := New(threads)
			defer d.Close()
			x, y, rstd, norm, dnorm := d.filled(m, h), d.filled(m, h), d.filled(1, m), d.filled(1, h), d.filled(1, h)
			qkv, dqkv, o, do, lse := d.filled(m, wide), d.filled(m, wide), d.filled(m, heads*dim), d.filled(m, heads*dim), d.filled(heads, m)
			q, k, val := qkv.ColRange(0, heads*dim), qkv.ColRange(heads*dim, (heads+kv)*dim), qkv.ColRange((heads+kv)*dim, wide)
			dq, dk, dv := dqkv.ColRange(0, heads*dim), dqkv.ColRange(heads*dim, (heads+kv)*dim), dqkv.ColRange((heads+kv)*dim, wide)
			gu, act, dact := d.filled(m, 2*f), d.filled(m, f), d.filled(m, f)
			gate, up := gu.ColRange(0, f), gu.ColRange(f, 2*f)
			wqkv, wo, wgu, wdown, table, logits := d.filled(wide, h), d.filled(h, heads*dim), d.filled(2*f, h), d.filled(h, f), d.filled(v, h), d.filled(m, v)
			ids, pos, loss := make([]int32, m), make([]int32, m), make([]float32, m)
			rope := op.RopeSpec{HeadDim: dim}
			for i := range dim / 2 {
				rope.InvFreq = append(rope.InvFreq, 1/float64(1+i))
			}
			spec := op.AttentionSpec{Heads: heads, KVHeads: kv, HeadDim: dim, Scale: 0.17}
			for i := range seqs + 1 {
				spec.CuSeqlens = append(spec.CuSeqlens, int32(i*length))
			}
			for i := range pos {
				pos[i], ids[i] = int32(i%length), int32(i%v)
			}
			step := func() {
				d.Embed(x, table, ids)
				for range layers {
					d.RMSNorm(y, rstd, x, norm, 1e-5)
					d.MatMul(qkv, y, wqkv, false, true, 1, 0)
					d.Rope(q, pos, &rope, false)
					d.Rope(k, pos, &rope, false)
					d.Attention(o, lse, q, k, val, &spec)
					d.MatMul(x, o, wo, false, true, 1, 1)
					d.RMSNorm(y, rstd, x, norm, 1e-5)
					d.MatMul(gu, y, wgu, false, true, 1, 0)
					d.Gated(act, gate, up, op.SiLU)
					d.MatMul(x, act, wdown, false, true, 1, 1)
				}
				d.MatMul(logits, x, table, false, true, 1, 0)
				d.CrossEntropy(loss, logits, ids, 1e-4, true)
				d.MatMul(y, logits, table, false, false, 1, 0)
				d.MatMul(table, logits, x, true, false, 1e-6, 1)
				for range layers {
					d.MatMul(wdown, y, act, true, false, 1e-6, 1)
					d.MatMul(dact, y, wdown, false, false, 1, 0)
					d.GatedBackward(gate, up, dact, gate, up, op.SiLU)
					d.MatMul(wgu, gu, x, true, false, 1e-9, 1)
					d.MatMul(do, gu, wgu, false, false, 1, 0)
					d.RMSNormBackward(y, dnorm, do, x, norm, rstd)
					d.MatMul(wo, y, o, true, false, 1e-9, 1)
					d.MatMul(do, y, wo, false, false, 1, 0)
					d.AttentionBackward(dq, dk, dv, do, o, lse, q, k, val, &spec)
					d.Rope(dq, pos, &rope, true)
					d.Rope(dk, pos, &rope, true)
					d.MatMul(wqkv, dqkv, x, true, false, 1e-9, 1)
					d.MatMul(do, dqkv, wqkv, false, false, 1, 0)
					d.RMSNormBackward(y, dnorm, do, x, norm, rstd)
				}
				d.Scale(x, 1e-3)
				d.Scale(y, 1e-3)
			}
			step()
			work := start(b)
			for range b.N {
				step()
			}
			params := layers*(wide*h+heads*dim*h+3*f*h) + v*h
			work.report(b, 6*float64(params)*m, "GFLOPS")
			b.ReportMetric(float64(m)*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
