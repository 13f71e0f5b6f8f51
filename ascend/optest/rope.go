package optest

import (
	"math"
	"testing"

	"github.com/belay-ml/belay/ascend/op"
)

// rotate turns x by the definition, inverse with the opposite angle.
func rotate(x matrix, pos []int32, s *op.RopeSpec, inverse bool) matrix {
	out := x.clone()
	scale := s.Scale
	if scale == 0 {
		scale = 1
	}
	n := len(s.InvFreq)
	for r := range x.rows {
		for h := 0; h < x.cols; h += s.HeadDim {
			for i, f := range s.InvFreq {
				angle := float64(float32(pos[r]) * float32(f))
				if inverse {
					angle = -angle
				}
				sin, cos := math.Sincos(angle)
				a, b := h+i, h+n+i
				if s.Interleaved {
					a, b = h+2*i, h+2*i+1
				}
				u, v := x.at(r, a), x.at(r, b)
				out.v[r*x.cols+a] = scale * (u*cos - v*sin)
				out.v[r*x.cols+b] = scale * (v*cos + u*sin)
			}
		}
	}
	return out
}

func ropeCases() []testCase {
	freqs := func(n int) []float64 {
		f := make([]float64, n)
		for i := range f {
			f[i] = math.Pow(10000, -float64(i)/float64(n))
		}
		return f
	}
	var all []testCase
	for _, c := range []struct {
		name string
		spec op.RopeSpec
	}{
		{"rope of whole heads", op.RopeSpec{HeadDim: 32, InvFreq: freqs(16)}},
		{"rope of odd heads", op.RopeSpec{HeadDim: 10, InvFreq: freqs(5)}},
		{"rope of a part of the head", op.RopeSpec{HeadDim: 24, InvFreq: freqs(6)}},
		{"interleaved rope", op.RopeSpec{HeadDim: 16, InvFreq: freqs(8), Interleaved: true}},
		{"interleaved rope of a part, scaled", op.RopeSpec{HeadDim: 16, InvFreq: freqs(4), Interleaved: true, Scale: 1.25}},
		{"scaled rope", op.RopeSpec{HeadDim: 16, InvFreq: freqs(8), Scale: 0.75}},
		{"rope of nothing", op.RopeSpec{HeadDim: 16}},
	} {
		all = append(all, testCase{c.name, func(t *testing.T, d *device) {
			x := d.random(41, 3*c.spec.HeadDim)
			pos := make([]int32, 41)
			for i := range pos {
				pos[i] = int32(d.rng.IntN(3000))
			}
			pos[7] = 0
			for _, inverse := range []bool{false, true} {
				tx := d.put(x)
				d.Rope(tx, pos, &c.spec, inverse)
				d.near(t, name("inverse %t", inverse), d.get(tx), rotate(x, pos, &c.spec, inverse), 3e-7)
			}
		}})
	}
	return all
}
