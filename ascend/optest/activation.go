package optest

import (
	"math"
	"testing"

	"github.com/belay-ml/belay/ascend/op"
)

func activate(act op.Act, x float64) float64 {
	switch act {
	case op.SiLU:
		return x / (1 + math.Exp(-x))
	case op.GELUTanh:
		return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	default:
		return x / 2 * (1 + math.Erf(x/math.Sqrt2))
	}
}

func activationCases() []testCase {
	var all []testCase
	for act, label := range []string{op.SiLU: "silu", op.GELUTanh: "tanh gelu", op.GELUErf: "erf gelu"} {
		act := op.Act(act)
		all = append(all, testCase{"gated " + label, func(t *testing.T, d *device) {
			for _, put := range placements(d) {
				gate, up, dy := d.random(13, 477), d.random(13, 477), d.random(13, 477)
				for i, v := range []float64{0, -100, 100, -20, 20, 1e-6, -3, -90, 30000, -30000} {
					gate.v[i] = float64(float32(v))
				}
				forward := func() matrix {
					y := zeros(gate.rows, gate.cols)
					for i := range y.v {
						y.v[i] = activate(act, gate.v[i]) * up.v[i]
					}
					return y
				}
				y, tg, tu := put(dy), put(gate), put(up)
				d.Gated(y, tg, tu, act)
				// The largest numbers would hide the errors of the ordinary ones.
				head := func(m matrix) matrix { return matrix{1, 10, m.v[:10]} }
				tail := func(m matrix) matrix { return matrix{1, len(m.v) - 10, m.v[10:]} }
				got := d.get(y)
				d.near(t, "y", tail(got), tail(forward()), 4e-7)
				d.near(t, "y of extreme gates", head(got), head(forward()), 4e-7)

				dgate, dup := put(dy), put(dy)
				d.GatedBackward(dgate, dup, put(dy), tg, tu, act)
				loss := func() float64 { return weigh(forward(), dy) }
				gg, gu := d.get(dgate), d.get(dup)
				for i := range 10 {
					if math.IsNaN(gg.v[i]) || math.Abs(gg.v[i]) > 1.2*math.Abs(dy.v[i]*up.v[i]) {
						t.Errorf("gradient at the extreme gate %g is %g", gate.v[i], gg.v[i])
					}
					gg.v[i], gu.v[i] = 0, 0
				}
				rest := func(m matrix) matrix { return matrix{1, len(m.v) - 10, m.v[10:]} }
				d.gradient(t, "dgate", rest(gate), rest(gg), loss, 3e-6)
				d.gradient(t, "dup", rest(up), rest(gu), loss, 3e-6)

				d.GatedBackward(tg, tu, put(dy), tg, tu, act)
				d.near(t, "dup over up", rest(d.get(tu)), rest(gu), 0)
				d.near(t, "dgate over gate", rest(d.get(tg)), rest(gg), 0)
			}
		}})
	}
	return append(all, testCase{"embed and its gradient, with ids that occur again", func(t *testing.T, d *device) {
		table, dy, start := d.random(50, 150), d.random(77, 150), d.random(50, 150)
		ids := make([]int32, 77)
		for i := range ids {
			ids[i] = int32(d.rng.IntN(50))
		}
		y, dtable := d.put(dy), d.put(start)
		d.Embed(y, d.put(table), ids)
		d.EmbedBackward(dtable, d.put(dy), ids)
		want, sum := zeros(77, 150), start.clone()
		for i, id := range ids {
			copy(want.row(i), table.row(int(id)))
			for c, v := range dy.row(i) {
				sum.v[int(id)*150+c] += v
			}
		}
		d.near(t, "y", d.get(y), want, 0)
		d.near(t, "dtable", d.get(dtable), sum, 3e-7)
		ids[3] = 50
		panics(t, "an id outside the table", func() { d.Embed(y, d.put(table), ids) })
	}})
}
