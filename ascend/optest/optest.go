package optest

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/tensor"
)

type testCase struct {
	name string
	run  func(t *testing.T, d *device)
}

func cases() []testCase {
	var all []testCase
	for _, part := range [][]testCase{
		memoryCases(), matmulCases(), linearCases(), normCases(), ropeCases(), attentionCases(),
		cachedCases(), activationCases(), lossCases(), updateCases(),
	} {
		all = append(all, part...)
	}
	return all
}

// Run checks every operation of the backend that newBackend makes. The caller ends the backend.
func Run(t *testing.T, newBackend func() op.Backend) {
	b := newBackend()
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) { c.run(t, newDevice(b, c.name)) })
	}
}

// Equal checks that two backends give the same bits in every case.
func Equal(t *testing.T, newA, newB func() op.Backend) {
	a, b := newA(), newB()
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			da, db := newDevice(a, c.name), newDevice(b, c.name)
			da.trusted, db.trusted = true, true
			c.run(t, da)
			c.run(t, db)
			if len(da.record) != len(db.record) {
				t.Fatalf("one gave %d numbers, the other %d", len(da.record), len(db.record))
			}
			for i, v := range da.record {
				if w := db.record[i]; v != w {
					t.Fatalf("number %d of %d: %x and %x (%g and %g)", i, len(da.record), v, w,
						math.Float64frombits(v), math.Float64frombits(w))
				}
			}
		})
	}
}

// device is a backend under test with a source of random numbers and a record of results.
type device struct {
	op.Backend
	rng    *rand.Rand
	record []uint64
	// trusted leaves the comparisons with oracles out: only the record is wanted.
	trusted bool
}

func newDevice(b op.Backend, name string) *device {
	h := fnv.New64a()
	h.Write([]byte(name))
	return &device{Backend: b, rng: rand.New(rand.NewPCG(h.Sum64(), 1))}
}

// matrix is a row-major matrix of float64, the oracle's number.
type matrix struct {
	rows, cols int
	v          []float64
}

func zeros(rows, cols int) matrix { return matrix{rows, cols, make([]float64, rows*cols)} }

func (m matrix) at(r, c int) float64 { return m.v[r*m.cols+c] }

func (m matrix) row(r int) []float64 { return m.v[r*m.cols : (r+1)*m.cols] }

func (m matrix) clone() matrix { return matrix{m.rows, m.cols, append([]float64(nil), m.v...)} }

// random draws numbers that float32 holds exactly.
func (d *device) random(rows, cols int) matrix {
	m := zeros(rows, cols)
	for i := range m.v {
		m.v[i] = float64(float32(d.rng.NormFloat64()))
	}
	return m
}

// put uploads m into a tensor whose rows lie further apart than they are long.
func (d *device) put(m matrix) tensor.Tensor {
	t := d.Alloc(dtype.F32, m.rows, m.cols+5).ColRange(3, 3+m.cols)
	d.fill(t, m)
	return t
}

// pack uploads m into a tensor of its own, rows back to back.
func (d *device) pack(m matrix) tensor.Tensor {
	t := d.Alloc(dtype.F32, m.rows, m.cols)
	d.fill(t, m)
	return t
}

func (d *device) fill(t tensor.Tensor, m matrix) {
	src := make([]float32, len(m.v))
	for i, v := range m.v {
		src[i] = float32(v)
	}
	d.Upload(t, src)
}

func (d *device) get(t tensor.Tensor) matrix {
	dst := make([]float32, t.Len())
	d.Download(dst, t)
	m := zeros(t.Rows, t.Cols)
	for i, v := range dst {
		m.v[i] = float64(v)
		d.note(float64(v))
	}
	return m
}

func (d *device) note(v float64) { d.record = append(d.record, math.Float64bits(v)) }

// near fails unless got is within tol of want, relative to the largest number wanted.
func (d *device) near(t *testing.T, what string, got, want matrix, tol float64) {
	t.Helper()
	if d.trusted {
		return
	}
	if got.rows != want.rows || got.cols != want.cols {
		t.Fatalf("%s: have %d x %d, want %d x %d", what, got.rows, got.cols, want.rows, want.cols)
	}
	var most, worst float64
	at := 0
	for i, w := range want.v {
		most = max(most, math.Abs(w))
		if e := math.Abs(got.v[i] - w); e > worst || math.IsNaN(e) {
			worst, at = e, i
			if math.IsNaN(e) {
				break
			}
		}
	}
	if !(worst <= tol*max(most, 1e-30)) {
		t.Errorf("%s: element (%d, %d): have %.9g, want %.9g: off by %.2g of the largest (%.3g), allowed %.1g",
			what, at/want.cols, at%want.cols, got.v[at], want.v[at], worst/most, most, tol)
	}
}

// gradient compares got with central differences of forward over some elements of x, which forward
// must read. The allowance is relative to the largest gradient, or to 1 where all are small.
func (d *device) gradient(t *testing.T, what string, x, got matrix, forward func() float64, tol float64) {
	t.Helper()
	if d.trusted {
		return
	}
	const samples = 4
	want, have := zeros(1, 0), zeros(1, 0)
	var places []int
	for i := range min(samples, len(x.v)) {
		at := i
		if len(x.v) > samples {
			at = d.rng.IntN(len(x.v))
		}
		const h = 1e-4
		old := x.v[at]
		x.v[at] = old + h
		up := forward()
		x.v[at] = old - h
		down := forward()
		x.v[at] = old + 2*h
		up2 := forward()
		x.v[at] = old - 2*h
		down2 := forward()
		x.v[at] = old
		want.v = append(want.v, (8*(up-down)-(up2-down2))/(12*h))
		have.v = append(have.v, got.v[at])
		places = append(places, at)
	}
	want.cols, have.cols = len(want.v), len(have.v)
	var most float64
	for _, g := range got.v {
		most = max(most, math.Abs(g))
	}
	for i, w := range want.v {
		if e := math.Abs(have.v[i] - w); !(e <= tol*max(most, 1)) {
			t.Errorf("%s: element %d: have %.9g, differences give %.9g (off by %.2g of the largest)", what, places[i], have.v[i], w, e/most)
		}
	}
}

// weigh is the sum of a*b: a loss whose gradient over a is b.
func weigh(a, b matrix) float64 {
	var s float64
	for i, v := range a.v {
		s += v * b.v[i]
	}
	return s
}

func panics(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	f()
}

func name(format string, args ...any) string { return fmt.Sprintf(format, args...) }
