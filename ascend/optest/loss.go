package optest

import (
	"math"
	"testing"
)

func logSumExp(row []float64) float64 {
	most := math.Inf(-1)
	for _, v := range row {
		most = max(most, v)
	}
	var s float64
	for _, v := range row {
		s += math.Exp(v - most)
	}
	return most + math.Log(s)
}

func lossCases() []testCase {
	var all []testCase
	for _, s := range [][2]int{{1, 1}, {3, 2}, {5, 17}, {40, 1000}, {9, 5003}} {
		rows, vocab := s[0], s[1]
		all = append(all, testCase{name("cross entropy of %d rows over %d", rows, vocab), func(t *testing.T, d *device) {
			logits := d.random(rows, vocab)
			for i := range logits.row(0) {
				logits.v[i] = float64(float32(logits.v[i] + 50))
			}
			targets := make([]int32, rows)
			for i := range targets {
				targets[i] = int32(d.rng.IntN(vocab))
				if i%4 == 2 {
					targets[i] = -100
				}
			}
			const scale = 0.37
			loss, grad := zeros(1, rows), zeros(rows, vocab)
			for r, id := range targets {
				if id < 0 {
					continue
				}
				lse := logSumExp(logits.row(r))
				loss.v[r] = lse - logits.at(r, int(id))
				for c, v := range logits.row(r) {
					grad.v[r*vocab+c] = scale * math.Exp(v-lse)
				}
				grad.v[r*vocab+int(id)] -= scale
			}
			for _, put := range placements(d) {
				tl := put(logits)
				got := make([]float32, rows)
				d.CrossEntropy(got, tl, targets, scale, false)
				d.near(t, "loss", d.list(got), loss, 2e-7)
				d.near(t, "logits without gradient", d.get(tl), logits, 0)
				d.CrossEntropy(got, tl, targets, scale, true)
				d.near(t, "loss with gradient", d.list(got), loss, 2e-7)
				d.near(t, "gradient", d.get(tl), grad, 4e-7)
			}
		}})
	}
	return append(all, testCase{"log probs, and which are the first maximum", func(t *testing.T, d *device) {
		logits := d.random(6, 300)
		most := logits.row(0)
		most[120], most[40] = 9, 9
		logits.row(1)[7] = 9
		ids := []int32{40, 7, 3, 299, 0, 120}
		logits.row(5)[120], logits.row(5)[119] = 9, 9
		want := zeros(1, 6)
		for r, id := range ids {
			want.v[r] = logits.at(r, int(id)) - logSumExp(logits.row(r))
		}
		out, greedy := make([]float32, 6), make([]bool, 6)
		d.LogProbs(out, greedy, d.put(logits), ids)
		d.near(t, "log probs", d.list(out), want, 2e-7)
		for r, g := range greedy[:2] {
			if !g {
				t.Errorf("row %d: %d is the first maximum and not called so", r, ids[r])
			}
		}
		if greedy[5] {
			t.Error("row 5: 120 is the second maximum and called the first")
		}
		ids[0] = 120
		d.LogProbs(out, greedy, d.put(logits), ids)
		if greedy[0] {
			t.Error("row 0: 120 is the second maximum and called the first")
		}
	}}, testCase{"cross entropy of a NaN is NaN", func(t *testing.T, d *device) {
		for _, at := range []int{0, 13, 39} {
			logits := d.random(2, 40)
			logits.v[at] = nan()
			got := make([]float32, 2)
			d.CrossEntropy(got, d.put(logits), []int32{5, 6}, 1, false)
			if got[0] == got[0] {
				t.Errorf("a NaN at %d gives the loss %g", at, got[0])
			}
			if got[1] != got[1] {
				t.Error("the row beside the NaN is NaN too")
			}
		}
	}})
}

// list records host results and turns them into a matrix.
func (d *device) list(v []float32) matrix {
	m := zeros(1, len(v))
	for i, x := range v {
		m.v[i] = float64(x)
		d.note(m.v[i])
	}
	return m
}
