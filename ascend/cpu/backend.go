package cpu

import (
	"fmt"

	"github.com/belay-ml/belay/ascend/cpu/kernel"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/tensor"
)

// Backend implements op.Backend.
type Backend struct {
	k     *kernel.Set
	pool  *pool
	ropes []*ropeTable

	copying   copyJob
	matmul    matmulJob
	addRow    addRowJob
	sumRows   sumRowsJob
	add       addJob
	norm      normJob
	normBack  normBackJob
	normSum   normSumJob
	rope      ropeJob
	attention attentionJob
	attnBack  attentionBackJob
	cached    cachedJob
	gated     gatedJob
	gatedBack gatedBackJob
	embed     embedJob
	embedBack embedBackJob
	loss      lossJob
	squares   squaresJob
	adamw     adamwJob
}

var _ op.Backend = (*Backend)(nil)

// Option changes how New builds a Backend.
type Option func(*options)

type options struct{ tier string }

// Tier lowers the kernels to a tier ("generic", "avx2"); empty means the best of this machine.
func Tier(name string) Option { return func(o *options) { o.tier = name } }

// ParseTier checks the name of a tier, for names that people type.
func ParseTier(name string) (Option, error) {
	switch kernel.Tier(name) {
	case "", kernel.Generic, kernel.AVX2:
		return Tier(name), nil
	}
	return nil, fmt.Errorf("unknown kernel tier %q: want %s or %s", name, kernel.Generic, kernel.AVX2)
}

// New starts a backend on so many threads, the caller's included.
func New(threads int, opts ...Option) *Backend {
	var o options
	for _, f := range opts {
		f(&o)
	}
	k := kernel.Select(o.tier)
	return &Backend{k: k, pool: newPool(threads, k)}
}

// Name is "cpu".
func (b *Backend) Name() string { return "cpu" }

// Threads is the number of threads that work.
func (b *Backend) Threads() int { return len(b.pool.workers) }

// KernelTier names the kernels in use.
func (b *Backend) KernelTier() string { return string(b.k.Tier) }

// Close ends the workers. The backend must not be used afterwards.
func (b *Backend) Close() { b.pool.close() }

// mat is a tensor whose elements are at hand: element (r, c) is d[r*stride + c].
type mat struct {
	d                  []float32
	rows, cols, stride int
}

func (m mat) row(r int) []float32 { return m.d[r*m.stride : r*m.stride+m.cols] }

// part is columns [from, from+n) of row r.
func (m mat) part(r, from, n int) []float32 {
	at := r*m.stride + from
	return m.d[at : at+n]
}

func (m mat) contiguous() bool { return m.stride == m.cols || m.rows <= 1 }

// open gives the elements of t.
func open(t tensor.Tensor) mat {
	mem, ok := t.Mem.(*memory)
	if !ok {
		panic(fmt.Sprintf("cpu: tensor %v is not in this backend's memory", t))
	}
	if t.Len() == 0 {
		return mat{d: mem.data[:0], rows: t.Rows, cols: t.Cols, stride: t.Stride}
	}
	if t.Off+(t.Rows-1)*t.Stride+t.Cols > len(mem.data) {
		panic(fmt.Sprintf("cpu: tensor %v lies outside its memory of %d elements", t, len(mem.data)))
	}
	return mat{d: mem.data[t.Off:], rows: t.Rows, cols: t.Cols, stride: t.Stride}
}

// want panics unless t is rows x cols.
func want(what, operand string, t tensor.Tensor, rows, cols int) {
	if t.Rows != rows || t.Cols != cols {
		panic(fmt.Sprintf("cpu: %s: %s: have %v, want [%d x %d]", what, operand, t, rows, cols))
	}
}

func wantLen(what, operand string, have, n int) {
	if have != n {
		panic(fmt.Sprintf("cpu: %s: %s: have %d entries, want %d", what, operand, have, n))
	}
}

func grow(b []float32, n int) []float32 {
	if cap(b) < n {
		return make([]float32, n)
	}
	return b[:n]
}
