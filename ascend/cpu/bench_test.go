//go:build unix

package cpu

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/belay-ml/belay/ascend/op"
)

// threadCounts are one thread and all of the machine.
func threadCounts() []int {
	if n := runtime.GOMAXPROCS(0); n > 1 {
		return []int{1, n}
	}
	return []int{1}
}

// meter measures wall time and the process's own time, which on a shared machine is the fairer figure
// for one thread (for several it counts waiting too).
type meter struct{ cpu time.Duration }

func start(b *testing.B) meter {
	b.ResetTimer()
	return meter{processTime()}
}

func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (m meter) report(b *testing.B, work float64, unit string) {
	work *= float64(b.N) / 1e9
	b.ReportMetric(work/b.Elapsed().Seconds(), unit)
	b.ReportMetric(work/(processTime()-m.cpu).Seconds(), unit+"/core")
}

// BenchmarkMatMul measures squares and the products of a linear layer: forward (NT), gradient of the
// input (NN), gradient of the weight (TN).
func BenchmarkMatMul(b *testing.B) {
	for _, s := range []struct {
		m, n, k int
		ta, tb  bool
	}{
		{256, 256, 256, false, false}, {512, 512, 512, false, false}, {1024, 1024, 1024, false, false}, {1024, 1024, 1024, false, true},
		{2048, 128, 128, false, true}, {2048, 128, 128, false, false}, {128, 128, 2048, true, false},
		{2048, 384, 128, false, true}, {2048, 1000, 128, false, true}, {2048, 128, 1000, false, false}, {1000, 128, 2048, true, false},
		{2048, 768, 288, false, true}, {2048, 288, 768, false, false}, {768, 288, 2048, true, false},
		{2048, 2048, 768, false, true}, {2048, 768, 2048, false, false}, {2048, 768, 2048, true, false},
		{512, 768, 768, false, true}, {1, 768, 2048, false, true}, {8, 768, 2048, false, true}, {16, 768, 2048, false, true},
		{2048, 8, 768, false, true}, {2048, 768, 8, false, true},
	} {
		for _, threads := range threadCounts() {
			b.Run(fmt.Sprintf("%dx%dx%d_%s%s/threads=%d", s.m, s.n, s.k, letter(s.ta), letter(s.tb), threads), func(b *testing.B) {
				d := New(threads)
				defer d.Close()
				x, y, c := d.filled(s.m, s.k), d.filled(s.k, s.n), d.filled(s.m, s.n)
				if s.ta {
					x = d.filled(s.k, s.m)
				}
				if s.tb {
					y = d.filled(s.n, s.k)
				}
				d.MatMul(c, x, y, s.ta, s.tb, 1, 0)
				m := start(b)
				for range b.N {
					d.MatMul(c, x, y, s.ta, s.tb, 1, 0)
				}
				m.report(b, 2*float64(s.m)*float64(s.n)*float64(s.k), "GFLOPS")
			})
		}
	}
}

func letter(trans bool) string {
	if trans {
		return "T"
	}
	return "N"
}

// BenchmarkAttention counts the products of the unmasked half only: two forward, five backward.
func BenchmarkAttention(b *testing.B) {
	for _, s := range []struct{ seqs, length, heads, kv, dim int }{{8, 256, 6, 6, 48}, {4, 512, 12, 12, 64}, {1, 2048, 8, 2, 128}, {16, 128, 4, 2, 32}} {
		for _, threads := range threadCounts() {
			d := New(threads)
			spec := op.AttentionSpec{Heads: s.heads, KVHeads: s.kv, HeadDim: s.dim, Scale: 0.1}
			for i := range s.seqs + 1 {
				spec.CuSeqlens = append(spec.CuSeqlens, int32(i*s.length))
			}
			m := s.seqs * s.length
			q, k, v, o, do := d.filled(m, s.heads*s.dim), d.filled(m, s.kv*s.dim), d.filled(m, s.kv*s.dim), d.filled(m, s.heads*s.dim), d.filled(m, s.heads*s.dim)
			dq, dk, dv := d.filled(m, s.heads*s.dim), d.filled(m, s.kv*s.dim), d.filled(m, s.kv*s.dim)
			lse := d.filled(s.heads, m)
			one := float64(s.seqs) * float64(s.length) * float64(s.length) * float64(s.heads*s.dim)
			name := fmt.Sprintf("%dx%d_heads=%d:%d_dim=%d/threads=%d", s.seqs, s.length, s.heads, s.kv, s.dim, threads)
			d.Attention(o, lse, q, k, v, &spec)
			b.Run("forward/"+name, func(b *testing.B) {
				m := start(b)
				for range b.N {
					d.Attention(o, lse, q, k, v, &spec)
				}
				m.report(b, 2*one, "GFLOPS")
			})
			d.AttentionBackward(dq, dk, dv, do, o, lse, q, k, v, &spec)
			b.Run("backward/"+name, func(b *testing.B) {
				m := start(b)
				for range b.N {
					d.AttentionBackward(dq, dk, dv, do, o, lse, q, k, v, &spec)
				}
				m.report(b, 5*one, "GFLOPS")
			})
			d.Close()
		}
	}
}

// BenchmarkVector measures the operations that memory bounds, in bytes moved.
func BenchmarkVector(b *testing.B) {
	for _, threads := range threadCounts() {
		d := New(threads)
		const rows, cols = 2048, 2048
		p, g, m, v := d.filled(rows, cols), d.filled(rows, cols), d.filled(rows, cols), d.filled(rows, cols)
		w, rstd := d.filled(1, cols), d.filled(1, rows)
		targets, loss := make([]int32, rows), make([]float32, rows)
		small := g.RowRange(0, 256) // 2 MB: stays in the cache
		for _, c := range []struct {
			name  string
			bytes float64
			run   func()
		}{
			{"adamw", 28 * rows * cols, func() { d.AdamW(p, g, m, v, op.AdamW{LR: 1e-9, Step: 1, GradScale: 1, Beta1: .9, Beta2: .9}) }},
			{"sumsquares", 4 * rows * cols, func() { d.SumSquares(p) }},
			{"add", 12 * rows * cols, func() { d.Add(p, g, 1e-9) }},
			{"rmsnorm", 8 * rows * cols, func() { d.RMSNorm(v, rstd, g, w, 1e-5) }},
			{"rmsnormbackward", 16 * rows * cols, func() { d.RMSNormBackward(v, w, g, p, w, rstd) }},
			{"swiglu", 12 * rows * cols, func() { d.Gated(v, g, p, op.SiLU) }},
			{"swiglubackward", 20 * rows * cols, func() { d.GatedBackward(v, m, g, g, p, op.SiLU) }},
			{"crossentropy", 8 * rows * cols, func() { d.CrossEntropy(loss, v, targets, 1, true) }},
			{"swiglu in cache", 12 * 256 * cols, func() { d.Gated(small, small, small, op.SiLU) }},
		} {
			b.Run(fmt.Sprintf("%s/threads=%d", c.name, threads), func(b *testing.B) {
				m := start(b)
				for range b.N {
					c.run()
				}
				m.report(b, c.bytes, "GB/s")
			})
		}
		d.Close()
	}
}
