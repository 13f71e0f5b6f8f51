package optest

import (
	"math"
	"testing"

	"github.com/belay-ml/belay/ascend/op"
)

func updateCases() []testCase {
	return []testCase{
		{"sum of squares", func(t *testing.T, d *device) {
			for _, put := range placements(d) {
				x := d.random(67, 1003)
				got := d.SumSquares(put(x))
				d.note(got)
				if want := weigh(x, x); math.Abs(got-want) > 1e-12*want {
					t.Errorf("have %.17g, want %.17g", got, want)
				}
			}
		}},
		{"adamw over several steps", func(t *testing.T, d *device) {
			for _, put := range placements(d) {
				p, m, v := d.random(21, 900), zeros(21, 900), zeros(21, 900)
				tp, tm, tv := put(p), put(m), put(v)
				for step := 1; step <= 4; step++ {
					c := op.AdamW{LR: 0.01, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1, Step: step, GradScale: 0.5}
					g := d.random(21, 900)
					d.AdamW(tp, put(g), tm, tv, c)
					b1, b2 := float64(c.Beta1), float64(c.Beta2)
					c1, c2 := 1-math.Pow(b1, float64(step)), 1-math.Pow(b2, float64(step))
					for i := range p.v {
						x := g.v[i] * 0.5
						m.v[i] = b1*m.v[i] + (1-b1)*x
						v.v[i] = b2*v.v[i] + (1-b2)*x*x
						p.v[i] *= 1 - float64(c.LR)*float64(c.WeightDecay)
						p.v[i] -= float64(c.LR) / c1 * m.v[i] / (math.Sqrt(v.v[i]/c2) + float64(c.Eps))
					}
				}
				d.near(t, "p", d.get(tp), p, 3e-7)
				d.near(t, "m", d.get(tm), m, 5e-7)
				d.near(t, "v", d.get(tv), v, 5e-7)
			}
		}},
	}
}
