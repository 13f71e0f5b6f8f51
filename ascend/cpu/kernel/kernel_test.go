package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// lengths reach every path of the loops: unrolled, single and masked.
func lengths() []int {
	return []int{1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 63, 64, 65, 71, 100, 257}
}

// guarded is n random numbers with marks on both sides, to see that nothing else is written.
type guarded struct {
	whole, v []float32
}

const mark = 12345

func random(r *rand.Rand, n int) guarded {
	g := guarded{whole: make([]float32, n+16)}
	for i := range g.whole {
		g.whole[i] = mark
	}
	g.v = g.whole[8 : 8+n]
	for i := range g.v {
		g.v[i] = float32(r.NormFloat64())
	}
	return g
}

func (g guarded) clone() guarded {
	c := guarded{whole: append([]float32(nil), g.whole...)}
	c.v = c.whole[8 : len(c.whole)-8]
	return c
}

func (g guarded) check(t *testing.T) {
	t.Helper()
	for i := range 8 {
		if g.whole[i] != mark || g.whole[len(g.whole)-1-i] != mark {
			t.Fatal("numbers beside the vector were written")
		}
	}
}

// loops are the vector loops as functions of three vectors, which they may change, and results.
func loops() map[string]func(s *Set, x, y, z, w []float32) []float64 {
	return map[string]func(s *Set, x, y, z, w []float32) []float64{
		"dot": func(s *Set, x, y, _, _ []float32) []float64 { return []float64{float64(s.Dot(x, y))} },
		"dot4": func(s *Set, x, y, z, w []float32) []float64 {
			rows := append(append(append(append([]float32(nil), y...), z...), w...), x...)
			a, b, c, d := s.Dot4(x, rows, len(x))
			return []float64{float64(a), float64(b), float64(c), float64(d)}
		},
		"axpy": func(s *Set, x, y, _, _ []float32) []float64 { s.Axpy(x, y, -1.5); return nil },
		"addrows": func(s *Set, x, y, z, w []float32) []float64 {
			rows := append(append(append([]float32(nil), y...), z...), w...)
			s.AddRows(x, rows, len(x), []float32{0.5, -2, 0.25})
			return nil
		},
		"scale": func(s *Set, x, _, _, _ []float32) []float64 { s.Scale(x, 1.25); return nil },
		"max":   func(s *Set, x, _, _, _ []float32) []float64 { return []float64{float64(s.Max(x))} },
		"negative max": func(s *Set, x, y, _, _ []float32) []float64 {
			s.Exp(x, y, 0)
			s.Scale(x, -1)
			return []float64{float64(s.Max(x))}
		},
		"sumsquares":      func(s *Set, x, _, _, _ []float32) []float64 { return []float64{s.SumSquares(x)} },
		"dot3":            func(s *Set, x, y, z, _ []float32) []float64 { return []float64{s.Dot3(x, y, z)} },
		"exp":             func(s *Set, x, y, _, _ []float32) []float64 { return []float64{float64(s.Exp(x, y, 0.5))} },
		"exp in place":    func(s *Set, x, _, _, _ []float32) []float64 { return []float64{float64(s.Exp(x, x, -2))} },
		"normscale":       func(s *Set, x, y, z, _ []float32) []float64 { s.NormScale(x, y, z, 0.7); return nil },
		"normbackward":    func(s *Set, x, y, z, w []float32) []float64 { s.NormBackward(x, y, z, w, 0.7, -0.2); return nil },
		"muladd":          func(s *Set, x, y, z, _ []float32) []float64 { s.MulAdd(x, y, z, 3); return nil },
		"softmaxbackward": func(s *Set, x, y, _, _ []float32) []float64 { s.SoftmaxBackward(x, y, 0.3); return nil },
		"silu":            func(s *Set, x, y, z, _ []float32) []float64 { s.SwishMul(x, y, z, Curve{C1: 1}); return nil },
		"gelu": func(s *Set, x, y, z, _ []float32) []float64 {
			s.SwishMul(x, y, z, Curve{1.5957691, 0.071354814})
			return nil
		},
		"silu backward": func(s *Set, x, y, z, w []float32) []float64 {
			s.SwishMulBackward(x, y, z, w, y, Curve{C1: 1})
			return nil
		},
		"gelu backward": func(s *Set, x, y, z, w []float32) []float64 {
			s.SwishMulBackward(w, y, z, w, x, Curve{1.5957691, 0.071354814})
			return nil
		},
		"rotate": func(s *Set, x, y, z, w []float32) []float64 { s.Rotate(x, y, z, w); return nil },
		"adamw": func(s *Set, x, y, z, w []float32) []float64 {
			for i := range w {
				w[i] *= w[i]
			}
			s.AdamW(x, y, z, w, &AdamWStep{0.5, 0.9, 0.1, 0.95, 0.05, 0.999, 0.01, 1.25, 1e-8})
			return nil
		},
	}
}

func TestEveryTierAgreesWithPlainGo(t *testing.T) {
	t.Parallel()
	reference := Select("generic")
	for _, tier := range Tiers() {
		s := Select(string(tier))
		for name, loop := range loops() {
			t.Run(fmt.Sprintf("%s/%s", tier, name), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(1, 2))
				for _, n := range lengths() {
					var in, out [4]guarded
					for i := range in {
						in[i] = random(r, n)
						out[i] = in[i].clone()
					}
					want := loop(reference, in[0].v, in[1].v, in[2].v, in[3].v)
					got := loop(s, out[0].v, out[1].v, out[2].v, out[3].v)
					for i := range want {
						if math.Abs(got[i]-want[i]) > 3e-6*max(1, math.Abs(want[i])) {
							t.Fatalf("length %d: result %d is %g, want %g", n, i, got[i], want[i])
						}
					}
					for i := range in {
						out[i].check(t)
						for k, w := range in[i].v {
							if g := out[i].v[k]; math.Abs(float64(g-w)) > 1e-6*max(1, math.Abs(float64(w))) {
								t.Fatalf("length %d: vector %d, element %d is %g, want %g", n, i, k, g, w)
							}
						}
					}
				}
			})
		}
		t.Run(fmt.Sprintf("%s/nothing", tier), func(t *testing.T) {
			for name, loop := range loops() {
				if got := loop(s, nil, nil, nil, nil); len(got) > 0 && !math.IsInf(got[0], -1) && got[0] != 0 {
					t.Errorf("%s of nothing is %g", name, got)
				}
			}
		})
	}
}

func TestExponentialIsGoodToAFewUnitsAndKeepsOddNumbers(t *testing.T) {
	t.Parallel()
	for _, tier := range Tiers() {
		s := Select(string(tier))
		x, y := make([]float32, 20001), make([]float32, 20001)
		for i := range x {
			x[i] = float32(i-10000) * 0.0087
		}
		s.Exp(y, x, 0)
		for i, v := range x {
			want := math.Exp(float64(v))
			if e := math.Abs(float64(y[i])-want) / want; e > 2e-7 {
				t.Fatalf("%s: e^%g is %g, off by %.2g", tier, v, y[i], e)
			}
		}
		inf := math.Inf(1)
		odd := []float32{float32(math.NaN()), float32(-inf), -1000, 0, float32(math.Copysign(0, -1))}
		s.Exp(odd, odd, 0)
		if odd[0] == odd[0] || odd[1] != 0 || odd[2] != 0 || odd[3] != 1 || odd[4] != 1 {
			t.Errorf("%s: odd numbers give %g", tier, odd)
		}
	}
}

// TestBlocksOfAProductHaveTheBitsOfTheWhole is what lets callers cut products as they like.
func TestBlocksOfAProductHaveTheBitsOfTheWhole(t *testing.T) {
	t.Parallel()
	const m, n, k = 130, 150, 700
	for _, tier := range Tiers() {
		s := Select(string(tier))
		r := rand.New(rand.NewPCG(3, 4))
		for _, form := range [][2]bool{{false, false}, {false, true}, {true, false}, {true, true}} {
			a, b := Matrix{random(r, m*k).v, k, form[0]}, Matrix{random(r, k*n).v, n, form[1]}
			if form[0] {
				a.Stride = m
			}
			if form[1] {
				b.Stride = k
			}
			c := random(r, m*n)
			parts := c.clone()
			var w Scratch
			s.Gemm(&w, m, n, k, 0.5, a, b, 1, c.v, n)
			for i := 0; i < m; i += 37 {
				for j := 0; j < n; j += 41 {
					s.Gemm(&w, min(37, m-i), min(41, n-j), k, 0.5, a.From(i, 0), b.From(0, j), 1, parts.v[i*n+j:], n)
				}
			}
			c.check(t)
			parts.check(t)
			for i, v := range c.v {
				if math.Float32bits(v) != math.Float32bits(parts.v[i]) {
					t.Fatalf("%s, transposed %v: element %d is %g and %g", tier, form, i, v, parts.v[i])
				}
			}
		}
	}
}

func TestSelectLowersTheTier(t *testing.T) {
	t.Parallel()
	if got := Select("generic").Tier; got != Generic {
		t.Errorf("generic gives %s", got)
	}
	tiers := Tiers()
	if got := Select("").Tier; got != tiers[len(tiers)-1] {
		t.Errorf("the best of %v is %s", tiers, got)
	}
	if got := Select("avx2").Tier; got != tiers[len(tiers)-1] {
		t.Errorf("avx2 of %v is %s", tiers, got)
	}
}
