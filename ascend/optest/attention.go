package optest

import (
	"math"
	"testing"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/tensor"
)

// attend is attention by the definition: query row r at position pos sees rows [base, base+pos] of k, v.
func attend(q, k, v matrix, s *op.AttentionSpec, base, pos func(r int) int) (o, lse matrix) {
	o, lse = zeros(q.rows, q.cols), zeros(s.Heads, q.rows)
	group := s.Heads / s.KVHeads
	for r := range q.rows {
		for h := range s.Heads {
			first := 0
			if s.Window > 0 {
				first = max(0, pos(r)-s.Window+1)
			}
			d := s.HeadDim
			scores := make([]float64, pos(r)-first+1)
			most := math.Inf(-1)
			for i := range scores {
				var x float64
				for c := range d {
					x += q.at(r, h*d+c) * k.at(base(r)+first+i, h/group*d+c)
				}
				x *= float64(s.Scale)
				if s.Softcap > 0 {
					x = float64(s.Softcap) * math.Tanh(x/float64(s.Softcap))
				}
				if s.AlibiSlopes != nil {
					x += float64(s.AlibiSlopes[h]) * float64(first+i-pos(r))
				}
				scores[i] = x
				most = max(most, x)
			}
			var sum float64
			for _, x := range scores {
				sum += math.Exp(x - most)
			}
			lse.v[h*q.rows+r] = most + math.Log(sum)
			for i, x := range scores {
				p := math.Exp(x-most) / sum
				for c := range d {
					o.v[r*q.cols+h*d+c] += p * v.at(base(r)+first+i, h/group*d+c)
				}
			}
		}
	}
	return o, lse
}

// places gives each row's sequence start and position from cumulative lengths.
func places(cu []int32) (base, pos func(int) int) {
	start := func(r int) int {
		for s := len(cu) - 2; ; s-- {
			if int(cu[s]) <= r {
				return int(cu[s])
			}
		}
	}
	return start, func(r int) int { return r - start(r) }
}

func attentionCases() []testCase {
	var all []testCase
	for _, c := range []struct {
		name string
		spec op.AttentionSpec
	}{
		{"attention of one token", op.AttentionSpec{Heads: 2, KVHeads: 1, HeadDim: 4, CuSeqlens: []int32{0, 1}}},
		{"attention over two sequences and an empty one", op.AttentionSpec{Heads: 2, KVHeads: 2, HeadDim: 8, CuSeqlens: []int32{0, 5, 5, 12}}},
		{"attention with grouped queries", op.AttentionSpec{Heads: 6, KVHeads: 2, HeadDim: 16, CuSeqlens: []int32{0, 33, 52}}},
		{"attention over several blocks", op.AttentionSpec{Heads: 2, KVHeads: 1, HeadDim: 20, CuSeqlens: []int32{0, 100, 101, 140}}},
		{"attention in a window", op.AttentionSpec{Heads: 2, KVHeads: 2, HeadDim: 12, Window: 9, CuSeqlens: []int32{0, 110, 115}}},
		{"attention with a window of one", op.AttentionSpec{Heads: 1, KVHeads: 1, HeadDim: 8, Window: 1, CuSeqlens: []int32{0, 30}}},
		{"attention with a soft cap", op.AttentionSpec{Heads: 2, KVHeads: 1, HeadDim: 16, Softcap: 2.5, CuSeqlens: []int32{0, 77}}},
		{"attention with alibi", op.AttentionSpec{Heads: 2, KVHeads: 2, HeadDim: 16, AlibiSlopes: []float32{0.25, 0.0625}, CuSeqlens: []int32{0, 80, 95}}},
		{"attention with everything", op.AttentionSpec{Heads: 4, KVHeads: 2, HeadDim: 8, Softcap: 3, Window: 40, AlibiSlopes: []float32{0.5, 0.25, 0.125, 0.1}, CuSeqlens: []int32{0, 80, 95}}},
	} {
		all = append(all, testCase{c.name, func(t *testing.T, d *device) {
			s := c.spec
			s.Scale = float32(1 / math.Sqrt(float64(s.HeadDim)))
			rows := int(s.CuSeqlens[len(s.CuSeqlens)-1])
			wide, thin := s.Heads*s.HeadDim, s.KVHeads*s.HeadDim
			q, k, v, do := d.random(rows, wide), d.random(rows, thin), d.random(rows, thin), d.random(rows, wide)
			tq, tk, tv, tdo := d.put(q), d.put(k), d.put(v), d.put(do)
			o, lse := d.put(d.random(rows, wide)), d.Alloc(dtype.F32, s.Heads, rows)
			d.Attention(o, lse, tq, tk, tv, &s)
			base, pos := places(s.CuSeqlens)
			gotO, gotL := d.get(o), d.get(lse)
			if !d.trusted {
				wantO, wantL := attend(q, k, v, &s, base, pos)
				d.near(t, "o", gotO, wantO, 1e-6)
				d.near(t, "lse", gotL, wantL, 1e-6)
			}

			dq, dk, dv := d.put(d.random(rows, wide)), d.put(d.random(rows, thin)), d.put(d.random(rows, thin))
			d.AttentionBackward(dq, dk, dv, tdo, o, lse, tq, tk, tv, &s)
			loss := func() float64 {
				o, _ := attend(q, k, v, &s, base, pos)
				return weigh(o, do)
			}
			d.gradient(t, "dq", q, d.get(dq), loss, 4e-6)
			d.gradient(t, "dk", k, d.get(dk), loss, 4e-6)
			d.gradient(t, "dv", v, d.get(dv), loss, 4e-6)
		}})
	}
	return all
}

func cachedCases() []testCase {
	const maxLen, slots = 200, 3
	run := func(slot, pos []int32, s op.AttentionSpec) func(t *testing.T, d *device) {
		return func(t *testing.T, d *device) {
			s.Scale = 0.3
			wide, thin := s.Heads*s.HeadDim, s.KVHeads*s.HeadDim
			k, v, q := d.random(slots*maxLen, thin), d.random(slots*maxLen, thin), d.random(len(slot), wide)
			tk, tv := d.pack(k), d.pack(v)
			for i, m := range []matrix{k, v} {
				x := d.random(len(slot), thin)
				for r := range slot {
					copy(m.row(int(slot[r])*maxLen+int(pos[r])), x.row(r))
				}
				d.CacheStore([]tensor.Tensor{tk, tv}[i], d.put(x), slot, pos, maxLen)
			}
			d.near(t, "k cache", d.get(tk), k, 0)
			o := d.put(d.random(len(slot), wide))
			d.AttentionCached(o, d.put(q), tk, tv, slot, pos, maxLen, &s)
			got := d.get(o)
			if d.trusted {
				return
			}
			want, _ := attend(q, k, v, &s, func(r int) int { return int(slot[r]) * maxLen }, func(r int) int { return int(pos[r]) })
			d.near(t, "o", got, want, 1e-6)
		}
	}
	prompt := func(slot, from, n int) (s, p []int32) {
		for i := range n {
			s, p = append(s, int32(slot)), append(p, int32(from+i))
		}
		return s, p
	}
	grouped := op.AttentionSpec{Heads: 4, KVHeads: 2, HeadDim: 24}
	odd := op.AttentionSpec{Heads: 2, KVHeads: 2, HeadDim: 20, Window: 7, Softcap: 4, AlibiSlopes: []float32{0.5, 0.1}}
	promptSlot, promptPos := prompt(2, 0, 150)
	laterSlot, laterPos := prompt(1, 37, 90)
	return []testCase{
		{"cached attention of single rows in several slots", run([]int32{0, 2, 1, 0}, []int32{0, 57, 199, 3}, grouped)},
		{"cached attention of a prompt", run(promptSlot, promptPos, grouped)},
		{"cached attention of a later part of a prompt", run(laterSlot, laterPos, odd)},
		{"cached attention of single rows in a window", run([]int32{1, 0}, []int32{0, 80}, odd)},
		{"cached attention of a prompt beside single rows", run(append([]int32{0}, laterSlot...), append([]int32{9}, laterPos...), grouped)},
	}
}
