package decoder_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/belay-ml/belay/ascend/cpu"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/optim"
	"github.com/belay-ml/belay/ascend/tensor"
	"github.com/belay-ml/belay/models/decoder"
	"github.com/belay-ml/belay/models/hfconfig"
)

// small is a model with every bias, grouped queries and a head dimension of its own.
func small() hfconfig.Config {
	return hfconfig.Config{
		Arch: "LlamaForCausalLM", ModelType: "llama", NumLayers: 2, Hidden: 24, FFN: 40, NumHeads: 4, NumKVHeads: 2,
		HeadDim: 8, Vocab: 50, MaxPositions: 64, NormEps: 1e-5, RopeBase: 10000, Activation: "silu",
		QKVBias: true, OutBias: true, MLPBias: true,
	}
}

func build(t testing.TB, cfg hfconfig.Config, seed uint64) *decoder.Model {
	t.Helper()
	m, err := decoder.New(backend(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	m.Init(seed)
	return m
}

// vary moves every trainable tensor to numbers of some size, so that no gradient is trivially zero.
func vary(m *decoder.Model) {
	for i, p := range m.Trainable() {
		x := host(m, p)
		for j := range x {
			x[j] += 0.2 * float32(math.Sin(float64(j)*1.7+float64(i)))
		}
		m.Backend().Upload(p.Data, x)
	}
}

// sampleInput is two sequences; only some rows count.
func sampleInput() decoder.Input {
	return decoder.Input{
		IDs:       []int32{1, 5, 9, 3, 3, 40, 2, 7, 8},
		Targets:   []int32{5, -1, 3, -1, -1, 2, -1, 8, -1},
		CuSeqlens: []int32{0, 5, 9},
	}
}

func TestGradientIsTheSlopeOfTheLoss(t *testing.T) {
	t.Parallel()
	tied := small()
	tied.TieEmbeddings, tied.SlidingWindow, tied.Activation = true, 3, "gelu_tanh"
	for _, c := range []struct {
		name    string
		cfg     hfconfig.Config
		lora    []string
		weights []float32 // one a sequence
	}{
		{name: "all parameters", cfg: small()},
		{name: "tied embedding, window and tanh gelu", cfg: tied},
		{name: "sequence weights", cfg: small(), weights: []float32{0.7, -1.3}},
		{name: "adapters on single projections", cfg: small(), lora: []string{"q", "v", "o", "up", "down"}},
		{name: "adapters on joined projections", cfg: small(), lora: []string{"qkv", "o", "gate_up", "down"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := build(t, c.cfg, 3)
			vary(m)
			if c.lora != nil {
				if err := m.Attach(decoder.LoRA{Rank: 3, Alpha: 6, Targets: c.lora}, 1); err != nil {
					t.Fatal(err)
				}
				vary(m)
			}
			in := sampleInput()
			b := batch(t, m, decoder.Options{MaxTokens: 12, Grad: true})
			objective := func() float64 {
				if err := b.Forward(in); err != nil {
					t.Fatal(err)
				}
				loss := b.Loss()
				if c.weights == nil {
					return loss.Mean()
				}
				sum := 0.0
				for s, w := range c.weights {
					for _, x := range b.TokenLosses()[in.CuSeqlens[s]:in.CuSeqlens[s+1]] {
						sum += float64(w) * float64(x)
					}
				}
				return sum
			}
			m.ZeroGrad()
			objective()
			var err error
			if c.weights != nil {
				_, err = b.Backward(c.weights)
			} else {
				_, err = b.Step(in, 1)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range m.Trainable() {
				g, x := hostGrad(m, p), host(m, p)
				_, norm := sumAndNorm(g)
				if strings.HasSuffix(p.Name, "attn.k.bias") && norm < 1e-5 {
					continue
				}
				if norm < 1e-5 {
					t.Errorf("%s has no gradient", p.Name)
					continue
				}
				const step = 5e-3
				at := func(sign float64) float64 {
					y := slices.Clone(x)
					for i := range y {
						y[i] += float32(sign * step * float64(g[i]) / norm)
					}
					m.Backend().Upload(p.Data, y)
					return objective()
				}
				slope := (at(1) - at(-1)) / (2 * step)
				m.Backend().Upload(p.Data, x)
				if math.Abs(slope-norm) > 0.02*norm+2e-4 {
					t.Errorf("%s: slope %.6f along the gradient, want its length %.6f", p.Name, slope, norm)
				}
			}
		})
	}
}

func TestPackingDoesNotChangeASequence(t *testing.T) {
	t.Parallel()
	m := build(t, small(), 1)
	vary(m)
	in := sampleInput()
	b := batch(t, m, decoder.Options{MaxTokens: 16, Grad: true})
	grads := func(run func()) (out [][]float32) {
		m.ZeroGrad()
		run()
		for _, p := range m.Params() {
			out = append(out, hostGrad(m, p))
		}
		return out
	}
	step := func(in decoder.Input, scale float64) decoder.Loss {
		loss, err := b.Step(in, scale)
		if err != nil {
			t.Fatal(err)
		}
		return loss
	}
	var whole, first, second decoder.Loss
	together := grads(func() { whole = step(in, 4) })
	apart := grads(func() {
		// The mean over four counted tokens, in two micro batches with two each.
		first = step(decoder.Input{IDs: in.IDs[:5], Targets: in.Targets[:5]}, 2)
		second = step(decoder.Input{IDs: in.IDs[5:], Targets: in.Targets[5:]}, 2)
	})
	if whole.Count != 4 || math.Abs(whole.Sum-first.Sum-second.Sum) > 1e-5 {
		t.Errorf("loss %v, apart %v and %v", whole, first, second)
	}
	for i, p := range m.Params() {
		if d := maxDiff(together[i], apart[i]); d > 1e-5 {
			t.Errorf("gradient of %s differs by %g", p.Name, d)
		}
	}
}

func TestAMicroBatchWithoutTargetsLeavesGradientsAlone(t *testing.T) {
	t.Parallel()
	m := build(t, small(), 1)
	b := batch(t, m, decoder.Options{MaxTokens: 4, Grad: true})
	m.ZeroGrad()
	loss, err := b.Step(decoder.Input{IDs: []int32{1, 2}, Targets: []int32{-1, -1}}, 1)
	if err != nil || loss.Count != 0 || loss.Sum != 0 || m.GradNorm() != 0 {
		t.Errorf("loss %v, gradient norm %v, error %v", loss, m.GradNorm(), err)
	}
}

// noAttention leaves attention out: what is measured is the decoder, and the operations beside it.
type noAttention struct{ *cpu.Backend }

func (noAttention) Attention(_, _, _, _, _ tensor.Tensor, _ *op.AttentionSpec) {}

func (noAttention) AttentionBackward(_, _, _, _, _, _, _, _, _ tensor.Tensor, _ *op.AttentionSpec) {}

func TestAWarmStepAllocatesNothing(t *testing.T) {
	m, err := decoder.New(noAttention{backend(t)}, small())
	if err != nil {
		t.Fatal(err)
	}
	m.Init(1)
	b := batch(t, m, decoder.Options{MaxTokens: 9, Grad: true})
	o := m.NewOptimizer()
	in := sampleInput()
	n := 0
	run := func() {
		n++
		m.ZeroGrad()
		if _, err := b.Step(in, 1); err != nil {
			t.Fatal(err)
		}
		scale := optim.ClipFactor(m.GradNorm(), 1)
		o.Step(op.AdamW{LR: 1e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1, Step: n, GradScale: float32(scale)})
	}
	run()
	if got := testing.AllocsPerRun(5, run); got != 0 {
		t.Errorf("%v allocations a step", got)
	}
}

func TestResultsDoNotDependOnThreads(t *testing.T) {
	t.Parallel()
	var want []float32
	for _, threads := range []int{1, 2, 3} {
		be := cpu.New(threads)
		m, err := decoder.New(be, small())
		if err != nil {
			t.Fatal(err)
		}
		m.Init(9)
		b := batch(t, m, decoder.Options{MaxTokens: 9, Grad: true})
		o := m.NewOptimizer()
		for i := range 3 {
			m.ZeroGrad()
			if _, err := b.Step(sampleInput(), 1); err != nil {
				t.Fatal(err)
			}
			o.Step(op.AdamW{LR: 1e-2, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1, Step: i + 1, GradScale: 1})
		}
		var got []float32
		for _, p := range m.Params() {
			got = append(got, host(m, p)...)
		}
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d threads: weights differ from one thread's", threads)
		}
		be.Close()
	}
}

func TestScoreAgreesWithLogits(t *testing.T) {
	t.Parallel()
	m := build(t, small(), 2)
	vary(m)
	b := batch(t, m, decoder.Options{MaxTokens: 9})
	in := sampleInput()
	if err := b.Forward(in); err != nil {
		t.Fatal(err)
	}
	v := m.Config().Vocab
	logits := make([]float32, len(in.IDs)*v)
	if err := b.Logits(logits, nil); err != nil {
		t.Fatal(err)
	}
	logp, greedy := make([]float32, len(in.IDs)), make([]bool, len(in.IDs))
	if err := b.Score(logp, greedy); err != nil {
		t.Fatal(err)
	}
	some := make([]float32, 2*v)
	if err := b.Logits(some, []int32{2, 7}); err != nil {
		t.Fatal(err)
	}
	if maxDiff(some[:v], logits[2*v:3*v]) > 2e-6 || maxDiff(some[v:], logits[7*v:8*v]) > 2e-6 {
		t.Error("logits of chosen rows differ from those of all rows")
	}
	for i, target := range in.Targets {
		row := logits[i*v : (i+1)*v]
		want, wantGreedy := 0.0, false
		if target >= 0 {
			sum := 0.0
			for _, x := range row {
				sum += math.Exp(float64(x))
			}
			want, wantGreedy = float64(row[target])-math.Log(sum), argmax(row) == target
		}
		if math.Abs(float64(logp[i])-want) > 1e-5 || greedy[i] != wantGreedy {
			t.Errorf("row %d: %v %v, want %v %v", i, logp[i], greedy[i], want, wantGreedy)
		}
	}
}

func TestOptimizerStateMovesToAnotherProcess(t *testing.T) {
	t.Parallel()
	run := func(resume bool) []float32 {
		m := build(t, small(), 1)
		b, o := batch(t, m, decoder.Options{MaxTokens: 9, Grad: true}), m.NewOptimizer()
		for i := range 4 {
			if resume && i == 2 {
				n := build(t, small(), 8)
				if err := n.Load(m.Export()); err != nil {
					t.Fatal(err)
				}
				fresh := n.NewOptimizer()
				if err := fresh.Load(o.Export()); err != nil {
					t.Fatal(err)
				}
				m, b, o = n, batch(t, n, decoder.Options{MaxTokens: 9, Grad: true}), fresh
			}
			m.ZeroGrad()
			if _, err := b.Step(sampleInput(), 1); err != nil {
				t.Fatal(err)
			}
			o.Step(op.AdamW{LR: 1e-2, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, Step: i + 1, GradScale: 1})
		}
		return host(m, m.Params()[1])
	}
	if !slices.Equal(run(false), run(true)) {
		t.Error("a resumed run ends elsewhere")
	}
}

func TestForwardRefusesBadInput(t *testing.T) {
	t.Parallel()
	m := build(t, small(), 1)
	b := batch(t, m, decoder.Options{MaxTokens: 4})
	for name, in := range map[string]decoder.Input{
		"no tokens":        {},
		"too many":         {IDs: make([]int32, 5)},
		"foreign token":    {IDs: []int32{50}},
		"foreign target":   {IDs: []int32{1}, Targets: []int32{50}},
		"short targets":    {IDs: []int32{1, 2}, Targets: []int32{1}},
		"open sequences":   {IDs: []int32{1, 2}, CuSeqlens: []int32{0, 1}},
		"falling ends":     {IDs: []int32{1, 2}, CuSeqlens: []int32{0, 2, 1, 2}},
		"missing position": {IDs: []int32{1, 2}, Pos: []int32{0}},
	} {
		if err := b.Forward(in); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := b.Step(sampleInput(), 1); err == nil {
		t.Error("a batch without gradients took a step")
	}
}
