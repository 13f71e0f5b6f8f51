package optest

import (
	"math"
	"testing"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/ascend/tensor"
)

func nan() float64 { return math.NaN() }

// placements are the ways of laying a matrix out in memory.
func placements(d *device) []func(matrix) tensor.Tensor {
	return []func(matrix) tensor.Tensor{d.put, d.pack}
}

func rmsNorm(x, w matrix, eps float64) (y, rstd matrix) {
	y, rstd = zeros(x.rows, x.cols), zeros(1, x.rows)
	for r := range x.rows {
		var s float64
		for _, v := range x.row(r) {
			s += v * v
		}
		rstd.v[r] = 1 / math.Sqrt(s/float64(x.cols)+eps)
		for c, v := range x.row(r) {
			y.v[r*x.cols+c] = v * rstd.v[r] * w.v[c]
		}
	}
	return y, rstd
}

func normCases() []testCase {
	var all []testCase
	for _, s := range [][2]int{{1, 1}, {3, 7}, {5, 64}, {70, 129}, {33, 1000}} {
		rows, cols := s[0], s[1]
		all = append(all, testCase{name("rms norm of %d rows of %d", rows, cols), func(t *testing.T, d *device) {
			const eps = 1e-5
			for _, put := range placements(d) {
				x, w, dy, dx0, dw0 := d.random(rows, cols), d.random(1, cols), d.random(rows, cols), d.random(rows, cols), d.random(1, cols)
				y, rstd := put(zeros(rows, cols)), d.Alloc(dtype.F32, 1, rows)
				tx, tw := put(x), put(w)
				d.RMSNorm(y, rstd, tx, tw, eps)
				wantY, wantR := rmsNorm(x, w, float64(float32(eps)))
				d.near(t, "y", d.get(y), wantY, 4e-7)
				d.near(t, "rstd", d.get(rstd), wantR, 2e-7)

				dx, dw, tdy := put(dx0), put(dw0), put(dy)
				d.RMSNormBackward(dx, dw, tdy, tx, tw, rstd)
				loss := func() float64 {
					y, _ := rmsNorm(x, w, float64(float32(eps)))
					return weigh(y, dy) + weigh(x, dx0) + weigh(w, dw0)
				}
				d.gradient(t, "dx", x, d.get(dx), loss, 3e-6)
				d.gradient(t, "dw", w, d.get(dw), loss, 3e-6)

				alone := put(dx0)
				d.RMSNormBackward(alone, tensor.Tensor{}, tdy, tx, tw, rstd)
				d.near(t, "dx without dw", d.get(alone), d.get(dx), 0)
			}
		}})
	}
	return all
}
