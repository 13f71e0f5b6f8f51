package decoder_test

import (
	"runtime"
	"strconv"
	"testing"

	"github.com/belay-ml/belay/ascend/cpu"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/optim"
	"github.com/belay-ml/belay/models/decoder"
	"github.com/belay-ml/belay/models/decoder/philox"
	"github.com/belay-ml/belay/models/hfconfig"
)

// workload is a model of the speed comparison, with its training shape.
type workload struct {
	name        string
	cfg         hfconfig.Config
	rows, width int
}

func workloads() []workload {
	llama := func(hidden, layers, heads, ffn int) hfconfig.Config {
		return hfconfig.Config{
			Arch: "LlamaForCausalLM", ModelType: "llama", NumLayers: layers, Hidden: hidden, FFN: ffn, NumHeads: heads, NumKVHeads: heads,
			HeadDim: hidden / heads, Vocab: 32000, MaxPositions: 2048, NormEps: 1e-5, RopeBase: 10000, Activation: "silu",
		}
	}
	return []workload{
		{"15M", llama(288, 6, 6, 768), 8, 256},
		{"110M", llama(768, 12, 12, 2048), 4, 512},
	}
}

// each runs f for every workload on one thread and on all.
func each(b *testing.B, f func(b *testing.B, w workload, m *decoder.Model)) {
	for _, w := range workloads() {
		for _, threads := range []int{1, runtime.NumCPU()} {
			b.Run(w.name+"/threads="+strconv.Itoa(threads), func(b *testing.B) {
				be := cpu.New(threads)
				defer be.Close()
				m, err := decoder.New(be, w.cfg)
				if err != nil {
					b.Fatal(err)
				}
				m.Init(1)
				f(b, w, m)
			})
		}
	}
}

func randomIDs(n, vocab int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(philox.Block(philox.Counter(uint64(i), 0), philox.Key(1))[0] % uint32(vocab))
	}
	return ids
}

// BenchmarkTrain is forward, backward, clip and AdamW on one fixed batch.
func BenchmarkTrain(b *testing.B) {
	each(b, func(b *testing.B, w workload, m *decoder.Model) { benchTrain(b, w, m) })
}

// BenchmarkTrainLoRA trains rank 8 adapters on every linear layer.
func BenchmarkTrainLoRA(b *testing.B) {
	each(b, func(b *testing.B, w workload, m *decoder.Model) {
		if err := m.Attach(decoder.LoRA{Rank: 8, Alpha: 16, Targets: []string{"q", "k", "v", "o", "gate", "up", "down"}}, 1); err != nil {
			b.Fatal(err)
		}
		benchTrain(b, w, m)
	})
}

func benchTrain(b *testing.B, w workload, m *decoder.Model) {
	n := w.rows * w.width
	in := packed(randomIDs(n, w.cfg.Vocab), w.width, nil)
	plan, err := m.NewBatch(decoder.Options{MaxTokens: n, Grad: true})
	if err != nil {
		b.Fatal(err)
	}
	o, step := m.NewOptimizer(), 0
	run := func() {
		step++
		m.ZeroGrad()
		if _, err := plan.Step(in, 1); err != nil {
			b.Fatal(err)
		}
		clip := optim.ClipFactor(m.GradNorm(), 1)
		o.Step(op.AdamW{LR: 1e-4, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1, Step: step, GradScale: float32(clip)})
	}
	run()
	b.ReportAllocs()
	for b.Loop() {
		run()
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "tokens/s")
}

// BenchmarkDecode makes 64 tokens greedily after a prompt of 16, prompt included.
func BenchmarkDecode(b *testing.B) {
	each(b, func(b *testing.B, w workload, m *decoder.Model) {
		prompt := randomIDs(16, w.cfg.Vocab)
		s, err := m.NewSession(decoder.SessionOptions{Slots: 1, MaxLen: 80})
		if err != nil {
			b.Fatal(err)
		}
		next := make([]int32, 1)
		b.ReportAllocs()
		for b.Loop() {
			s.Truncate(0, 0)
			feed := [1]decoder.Chunk{{IDs: prompt}}
			for range 64 {
				logits, err := s.Feed(feed[:])
				if err != nil {
					b.Fatal(err)
				}
				next[0] = argmax(logits)
				feed[0].IDs = next
			}
		}
		b.ReportMetric(float64(64*b.N)/b.Elapsed().Seconds(), "tokens/s")
	})
}

// BenchmarkPrompt reads 512 tokens into the cache and takes the logits of the last.
func BenchmarkPrompt(b *testing.B) {
	each(b, func(b *testing.B, w workload, m *decoder.Model) {
		prompt := []decoder.Chunk{{IDs: randomIDs(512, w.cfg.Vocab)}}
		s, err := m.NewSession(decoder.SessionOptions{Slots: 1, MaxLen: 512})
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			s.Truncate(0, 0)
			if _, err := s.Feed(prompt); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(512*b.N)/b.Elapsed().Seconds(), "tokens/s")
	})
}

// BenchmarkScore takes the log-probabilities of the last 4 tokens of 8 sequences of 100.
func BenchmarkScore(b *testing.B) {
	each(b, func(b *testing.B, w workload, m *decoder.Model) {
		in := packed(randomIDs(800, w.cfg.Vocab), 100, nil)
		for i := range in.Targets {
			if i%100 < 95 {
				in.Targets[i] = -1
			}
		}
		plan, err := m.NewBatch(decoder.Options{MaxTokens: 800})
		if err != nil {
			b.Fatal(err)
		}
		logp, greedy := make([]float32, 800), make([]bool, 800)
		for b.Loop() {
			if err := plan.Forward(in); err != nil {
				b.Fatal(err)
			}
			if err := plan.Score(logp, greedy); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(8*b.N)/b.Elapsed().Seconds(), "requests/s")
	})
}
