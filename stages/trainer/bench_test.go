package trainer

import (
	"strconv"
	"testing"

	"github.com/belay-ml/belay/ascend/cpu"
	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/decoder"
	"github.com/belay-ml/belay/models/hfconfig"
	"github.com/belay-ml/belay/stages/inference"
	"github.com/belay-ml/belay/stages/internal/tiny"
)

// scattered are samples of 256 tokens from a vocabulary of 1024.
type scattered struct{ input decoder.Input }

func (*scattered) Describe() string { return "scattered" }

func (s *scattered) Micro(from int64, n int) (decoder.Input, error) {
	in := &s.input
	in.IDs, in.Targets, in.CuSeqlens = in.IDs[:0], in.Targets[:0], append(in.CuSeqlens[:0], 0)
	state := uint32(from)
	for range n {
		for range 256 {
			state = state*1664525 + 1013904223
			in.IDs = append(in.IDs, int32(state>>22))
			in.Targets = append(in.Targets, int32(state>>12&1023))
		}
		in.CuSeqlens = append(in.CuSeqlens, int32(len(in.IDs)))
	}
	return *in, nil
}

// BenchmarkTrainTiny is whole iterations of a model of about a million parameters, four sequences of
// 256 tokens each: forward, backward, clipping, AdamW, events.
func BenchmarkTrainTiny(b *testing.B) {
	cfg := hfconfig.Config{
		Arch: "LlamaForCausalLM", ModelType: "llama", NumLayers: 4, Hidden: 128, FFN: 384, NumHeads: 4, NumKVHeads: 2,
		HeadDim: 32, Vocab: 1024, MaxPositions: 256, NormEps: 1e-5, RopeBase: 10000, Activation: "silu", DType: "float32", PAD: -1,
	}
	source := tiny.Model(b, cfg, dtype.F32)
	for _, threads := range []int{1, 2} {
		b.Run("threads="+strconv.Itoa(threads), func(b *testing.B) {
			be := cpu.New(threads)
			defer be.Close()
			model, meta, err := inference.Load(be, source)
			if err != nil {
				b.Fatal(err)
			}
			h := hyper()
			h.TrainIters, h.MicroBatchSize, h.GlobalBatchSize, h.LR = 1<<30, 4, 4, 1e-4
			l, err := newLoop(Job{Model: model, Meta: meta, Data: &scattered{}, Hyper: h, SeqLen: 256, Work: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			l.began = l.now()
			step := func() {
				p, err := l.step(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				l.report(p)
			}
			step()
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
			b.ReportMetric(float64(1024*b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
