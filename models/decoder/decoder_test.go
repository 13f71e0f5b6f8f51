package decoder_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/belay-ml/belay/ascend/cpu"
	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/optim"
	"github.com/belay-ml/belay/ascend/tensor"
	"github.com/belay-ml/belay/models/ckpt"
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

func TestASlotDoesNotDependOnItsCompany(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.SlidingWindow = 4
	m := build(t, cfg, 4)
	vary(m)
	v := cfg.Vocab
	feeds := [][]decoder.Chunk{
		{{Slot: 2, IDs: []int32{1, 2, 3, 4, 5, 6, 7}}, {Slot: 0, IDs: []int32{9}}},
		{{Slot: 0, IDs: []int32{8, 8}}, {Slot: 1, IDs: []int32{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5}}, {Slot: 2, IDs: []int32{10}}},
		{{Slot: 1, IDs: []int32{11}}, {Slot: 2, IDs: []int32{12}}},
	}
	s, err := m.NewSession(decoder.SessionOptions{Slots: 3, MaxLen: 20, MaxRows: 12})
	if err != nil {
		t.Fatal(err)
	}
	alone := map[int]*decoder.Session{}
	history := map[int][]int32{}
	for i, chunks := range feeds {
		got, err := s.Feed(chunks)
		if err != nil {
			t.Fatal(err)
		}
		for j, c := range chunks {
			if alone[c.Slot] == nil {
				if alone[c.Slot], err = m.NewSession(decoder.SessionOptions{Slots: 1, MaxLen: 20, MaxRows: 12}); err != nil {
					t.Fatal(err)
				}
			}
			want, err := alone[c.Slot].Feed([]decoder.Chunk{{IDs: c.IDs}})
			if err != nil {
				t.Fatal(err)
			}
			// Products of few and of many rows may add up in another order; no more than that.
			if d := maxDiff(got[j*v:(j+1)*v], want); d > 2e-6 {
				t.Errorf("feed %d: slot %d differs from itself alone by %g", i, c.Slot, d)
			}
			// The same as a forward pass over the whole history.
			history[c.Slot] = append(history[c.Slot], c.IDs...)
			h := history[c.Slot]
			b := batch(t, m, decoder.Options{MaxTokens: len(h)})
			if err := b.Forward(decoder.Input{IDs: h}); err != nil {
				t.Fatal(err)
			}
			row := make([]float32, v)
			if err := b.Logits(row, []int32{int32(len(h) - 1)}); err != nil {
				t.Fatal(err)
			}
			if d := maxDiff(row, want); d > 2e-5 {
				t.Errorf("feed %d: slot %d differs from a whole pass by %g", i, c.Slot, d)
			}
		}
	}
}

func TestForkAndTruncateContinueFromTheCopiedPast(t *testing.T) {
	t.Parallel()
	m := build(t, small(), 4)
	vary(m)
	s, err := m.NewSession(decoder.SessionOptions{Slots: 2, MaxLen: 8})
	if err != nil {
		t.Fatal(err)
	}
	feed := func(slot int, ids ...int32) []float32 {
		out, err := s.Feed([]decoder.Chunk{{Slot: slot, IDs: ids}})
		if err != nil {
			t.Fatal(err)
		}
		return slices.Clone(out)
	}
	feed(0, 1, 2, 3)
	s.Fork(1, 0)
	want := feed(0, 4)
	feed(1, 9)
	s.Truncate(1, 3)
	if got := feed(1, 4); !slices.Equal(got, want) || s.Len(1) != 4 {
		t.Errorf("the fork differs by %g, length %d", maxDiff(got, want), s.Len(1))
	}
	if _, err := s.Feed([]decoder.Chunk{{Slot: 1, IDs: []int32{1, 2, 3, 4, 5}}}); err == nil {
		t.Error("a slot took more than its length")
	}
}

func TestLoadNamesEveryProblem(t *testing.T) {
	t.Parallel()
	m := build(t, small(), 1)
	before := host(m, m.Params()[0])
	src := ckpt.NewMemory()
	put := func(name string, shape ...int) {
		info := ckpt.Info{Name: name, DType: dtype.F32, Shape: shape}
		if err := src.Put(info, make([]byte, info.Size())); err != nil {
			t.Fatal(err)
		}
	}
	put("embed.weight", 50, 24)
	put("norm.weight", 25)
	put("layers.7.attn_norm.weight", 24)
	err := m.Load(src)
	for _, part := range []string{"layers.0.attn_norm.weight is missing", "and "} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("no %q in: %v", part, err)
		}
	}
	if !slices.Equal(before, host(m, m.Params()[0])) {
		t.Error("a failed load changed the model")
	}
	whole := ckpt.NewMemory()
	for _, p := range m.Params() {
		if p.Name != "norm.weight" {
			info := ckpt.Info{Name: p.Name, DType: dtype.F32, Shape: p.Shape}
			if err := whole.Put(info, make([]byte, info.Size())); err != nil {
				t.Fatal(err)
			}
		}
	}
	src = whole
	put("norm.weight", 25)
	put("layers.7.attn_norm.weight", 24)
	err = m.Load(src)
	for _, part := range []string{"norm.weight: want [24], have [25]", "layers.7.attn_norm.weight belongs nowhere"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("no %q in: %v", part, err)
		}
	}
}

func TestExportLoadsBack(t *testing.T) {
	t.Parallel()
	m := build(t, small(), 1)
	for _, dt := range []dtype.DType{dtype.F32, dtype.F64, dtype.BF16, dtype.F16} {
		n := build(t, small(), 2)
		if err := n.Load(m.ExportAs(dt)); err != nil {
			t.Fatal(err)
		}
		limit := map[dtype.DType]float64{dtype.BF16: 1.0 / 256, dtype.F16: 1.0 / 2048}[dt]
		for i, p := range m.Params() {
			a, b := host(m, p), host(n, n.Params()[i])
			for j := range a {
				if d := math.Abs(float64(a[j] - b[j])); d > limit*math.Abs(float64(a[j]))+limit*1e-4 {
					t.Fatalf("%s as %s: element %d is %g, was %g", p.Name, dt, j, b[j], a[j])
				}
			}
		}
	}
}

func TestPaddedVocabularyIsCutOff(t *testing.T) {
	t.Parallel()
	big := small()
	big.Vocab = 64
	m, n := build(t, big, 1), build(t, small(), 2)
	if err := n.Load(m.Export()); err != nil {
		t.Fatal(err)
	}
	a, b := host(m, m.Params()[0]), host(n, n.Params()[0])
	if !slices.Equal(a[:len(b)], b) {
		t.Error("embedding rows differ")
	}
	if err := m.Load(n.Export()); err == nil {
		t.Error("a vocabulary that is too small was loaded")
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

func TestInitialWeightsFollowMegatron(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Hidden, cfg.FFN, cfg.NumLayers = 128, 256, 8
	m, again, other := build(t, cfg, 1), build(t, cfg, 1), build(t, cfg, 2)
	for i, p := range m.Params() {
		x := host(m, p)
		if !slices.Equal(x, host(again, again.Params()[i])) {
			t.Errorf("%s: two models of one seed differ", p.Name)
		}
		_, l2 := sumAndNorm(x)
		rms, want := l2/math.Sqrt(float64(len(x))), 0.02
		switch {
		case strings.HasSuffix(p.Name, "norm.weight"):
			want = 1
		case strings.HasSuffix(p.Name, ".bias"):
			want = 0
		case strings.HasSuffix(p.Name, "attn.o.weight"), strings.HasSuffix(p.Name, "mlp.down.weight"):
			want = 0.02 / 4
		}
		if math.Abs(rms-want) > 0.05*want {
			t.Errorf("%s: deviation %g, want %g", p.Name, rms, want)
		}
		if want == 0.02 && slices.Equal(x, host(other, other.Params()[i])) {
			t.Errorf("%s: two seeds give the same numbers", p.Name)
		}
	}
}

func TestParamsAreInCanonicalOrder(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.NumLayers, cfg.OutBias, cfg.MLPBias = 1, false, false
	m := build(t, cfg, 1)
	var got []string
	for _, p := range m.Params() {
		got = append(got, fmt.Sprint(p.Name, p.Shape, p.Decay))
	}
	want := []string{
		"embed.weight[50 24] true", "layers.0.attn_norm.weight[24] false",
		"layers.0.attn.q.weight[32 24] true", "layers.0.attn.k.weight[16 24] true", "layers.0.attn.v.weight[16 24] true",
		"layers.0.attn.q.bias[32] false", "layers.0.attn.k.bias[16] false", "layers.0.attn.v.bias[16] false",
		"layers.0.attn.o.weight[24 32] true", "layers.0.mlp_norm.weight[24] false",
		"layers.0.mlp.gate.weight[40 24] true", "layers.0.mlp.up.weight[40 24] true", "layers.0.mlp.down.weight[24 40] true",
		"norm.weight[24] false", "head.weight[50 24] true",
	}
	if !slices.Equal(got, want) {
		t.Errorf("have %v\nwant %v", got, want)
	}
}

func TestLoRAFreezesTheBaseAndMerges(t *testing.T) {
	t.Parallel()
	for _, targets := range [][]string{{"q", "k", "v", "o", "gate", "up", "down"}, {"qkv", "o", "gate_up", "down"}, {"v", "gate"}} {
		m := build(t, small(), 1)
		if err := m.Attach(decoder.LoRA{Rank: 2, Alpha: 8, Targets: targets}, 5); err != nil {
			t.Fatal(err)
		}
		in := sampleInput()
		forward := func() []float32 {
			b := batch(t, m, decoder.Options{MaxTokens: 9})
			if err := b.Forward(in); err != nil {
				t.Fatal(err)
			}
			out := make([]float32, len(in.IDs)*m.Config().Vocab)
			if err := b.Logits(out, nil); err != nil {
				t.Fatal(err)
			}
			return out
		}
		plain := build(t, small(), 1)
		start := forward()
		vary(m)
		with := forward()
		b := batch(t, m, decoder.Options{MaxTokens: 9, Grad: true})
		if _, err := b.Step(in, 1); err != nil {
			t.Fatal(err)
		}
		for i, p := range m.Params() {
			if p.Grad.Valid() || !slices.Equal(host(m, p), host(plain, plain.Params()[i])) {
				t.Errorf("%v: %s is not frozen", targets, p.Name)
			}
		}
		src, err := m.ExportAdapters(dtype.F32)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Merge(); err != nil {
			t.Fatal(err)
		}
		if d := maxDiff(forward(), with); d > 1e-4 {
			t.Errorf("%v: merged logits differ by %g", targets, d)
		}
		if d := maxDiff(start, with); d < 1e-3 {
			t.Errorf("%v: adapters change nothing (%g)", targets, d)
		}
		if err := plain.Attach(decoder.LoRA{Rank: 2, Alpha: 8, Targets: targets}, 6); err != nil {
			t.Fatal(err)
		}
		if err := plain.LoadAdapters(src); err != nil {
			t.Fatal(err)
		}
		m = plain
		if d := maxDiff(forward(), with); d != 0 {
			t.Errorf("%v: loaded adapters differ by %g", targets, d)
		}
	}
}

func TestAttachRefusesBadTargets(t *testing.T) {
	t.Parallel()
	m := build(t, small(), 1)
	for _, c := range []decoder.LoRA{
		{Rank: 0, Targets: []string{"q"}}, {Rank: 2}, {Rank: 2, Targets: []string{"w"}},
		{Rank: 2, Targets: []string{"q", "q"}}, {Rank: 2, Targets: []string{"qkv", "v"}}, {Rank: 2, Targets: []string{"gate_up", "up"}},
	} {
		if err := m.Attach(c, 1); err == nil {
			t.Errorf("%+v was attached", c)
		}
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
