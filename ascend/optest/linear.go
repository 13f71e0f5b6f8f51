package optest

import (
	"testing"

	"github.com/belay-ml/belay/ascend/dtype"
)

func memoryCases() []testCase {
	return []testCase{
		{"memory is zeroed, and uploads come back", func(t *testing.T, d *device) {
			d.near(t, "alloc", d.get(d.Alloc(dtype.F32, 3, 5)), zeros(3, 5), 0)
			m := d.random(7, 9)
			d.near(t, "upload", d.get(d.put(m)), m, 0)
		}},
		{"copy and zero leave the columns beside them alone", func(t *testing.T, d *device) {
			m, src := d.random(6, 10), d.random(6, 4)
			whole := d.pack(m)
			d.Copy(whole.ColRange(2, 6), d.put(src))
			d.Zero(whole.ColRange(7, 9))
			want := m.clone()
			for r := range 6 {
				copy(want.row(r)[2:6], src.row(r))
				clear(want.row(r)[7:9])
			}
			d.near(t, "copy and zero", d.get(whole), want, 0)
		}},
		{"copy of contiguous tensors", func(t *testing.T, d *device) {
			m := d.random(70, 500)
			dst := d.Alloc(dtype.F32, 70, 500)
			d.Copy(dst, d.pack(m))
			d.near(t, "copy", d.get(dst), m, 0)
		}},
	}
}

// product is alpha*op(a)*op(b) + beta*c.
func product(c, a, b matrix, transA, transB bool, alpha, beta float64) matrix {
	at := func(m matrix, trans bool, r, c int) float64 {
		if trans {
			return m.at(c, r)
		}
		return m.at(r, c)
	}
	k := a.cols
	if transA {
		k = a.rows
	}
	out := zeros(c.rows, c.cols)
	for i := range c.rows {
		for j := range c.cols {
			var s float64
			for p := range k {
				s += at(a, transA, i, p) * at(b, transB, p, j)
			}
			out.v[i*c.cols+j] = alpha*s + beta*c.at(i, j)
		}
	}
	return out
}

func matmulCases() []testCase {
	shapes := [][3]int{
		{1, 1, 1}, {1, 40, 33}, {2, 130, 17}, {3, 7, 300}, {4, 64, 64}, {5, 19, 70}, {8, 100, 129}, {9, 33, 65},
		{40, 1, 33}, {70, 3, 129}, {65, 8, 40}, {6, 16, 256}, {7, 17, 257}, {13, 37, 5}, {24, 32, 600}, {125, 90, 130}, {150, 131, 48},
		{33, 1040, 9}, {3, 5, 0},
	}
	var all []testCase
	for _, s := range shapes {
		m, n, k := s[0], s[1], s[2]
		all = append(all, testCase{name("matmul %d x %d x %d in all forms", m, n, k), func(t *testing.T, d *device) {
			for _, form := range []struct {
				transA, transB bool
				alpha, beta    float64
			}{
				{false, false, 1, 0}, {false, true, 1, 0}, {true, false, 1, 0}, {true, true, 1, 0},
				{false, true, 1, 1}, {true, false, 0.5, 1}, {false, false, -2, 0.25}, {false, true, 0.125, -1}, {true, true, 0, 2},
			} {
				a, b, c := d.random(m, k), d.random(k, n), d.random(m, n)
				if form.transA {
					a = d.random(k, m)
				}
				if form.transB {
					b = d.random(n, k)
				}
				tc := d.put(c)
				d.MatMul(tc, d.put(a), d.put(b), form.transA, form.transB, float32(form.alpha), float32(form.beta))
				got := d.get(tc)
				if d.trusted {
					continue
				}
				d.near(t, name("%+v", form), got, product(c, a, b, form.transA, form.transB, form.alpha, form.beta), 2e-6)
			}
		}})
	}
	return append(all, testCase{"matmul with beta 0 does not read c, and leaves its neighbours alone", func(t *testing.T, d *device) {
		for _, m := range []int{2, 30} {
			a, b := d.random(m, 20), d.random(20, 21)
			whole := zeros(m, 40)
			nan := nan()
			for i := range whole.v {
				whole.v[i] = nan
			}
			tc := d.pack(whole)
			d.MatMul(tc.ColRange(8, 29), d.put(a), d.put(b), false, false, 1, 0)
			got := d.get(tc)
			for i, v := range got.v {
				if c := i % 40; (c >= 8 && c < 29) != (v == v) {
					t.Fatalf("element (%d, %d) is %g", i/40, c, v)
				}
			}
			d.near(t, "product", d.get(tc.ColRange(8, 29)), product(zeros(m, 21), a, b, false, false, 1, 0), 2e-6)
		}
	}}, testCase{"matmul of shapes that do not fit panics", func(t *testing.T, d *device) {
		a, b, c := d.put(d.random(3, 4)), d.put(d.random(5, 6)), d.put(d.random(3, 6))
		panics(t, "inner dimensions", func() { d.MatMul(c, a, b, false, false, 1, 0) })
	}})
}

func linearCases() []testCase {
	return []testCase{
		{"add row", func(t *testing.T, d *device) {
			y, b := d.random(37, 51), d.random(1, 51)
			ty := d.put(y)
			d.AddRow(ty, d.put(b))
			want := y.clone()
			for r := range y.rows {
				for c := range y.cols {
					want.v[r*y.cols+c] += b.v[c]
				}
			}
			d.near(t, "y", d.get(ty), want, 1e-7)
		}},
		{"sum rows accumulates", func(t *testing.T, d *device) {
			dy, db := d.random(333, 300), d.random(1, 300)
			tdb := d.put(db)
			d.SumRows(tdb, d.put(dy))
			want := db.clone()
			for r := range dy.rows {
				for c, v := range dy.row(r) {
					want.v[c] += v
				}
			}
			d.near(t, "db", d.get(tdb), want, 1e-6)
		}},
		{"add and scale", func(t *testing.T, d *device) {
			for _, put := range placements(d) {
				a, b := d.random(61, 700), d.random(61, 700)
				ta := put(a)
				d.Add(ta, put(b), -0.75)
				d.Scale(ta, 1.5)
				want := zeros(61, 700)
				for i := range want.v {
					want.v[i] = 1.5 * (a.v[i] - 0.75*b.v[i])
				}
				d.near(t, "sum", d.get(ta), want, 2e-7)
			}
		}},
	}
}
