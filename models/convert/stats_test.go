package convert

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
)

// The judge is the plain two-pass formula in float64 over the finite numbers.
func TestStatisticsAreThoseOfTheWholeTensor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 3*statsBlock).Draw(t, "n")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		far := rapid.SampledFrom([]float64{0, 1e6}).Draw(t, "far") // where a sum of squares would lose everything
		mem := ckpt.NewMemory()
		info := ckpt.Info{Name: "w", DType: dtype.F32, Shape: []int{n}}
		data := make([]byte, info.Size())
		var want Stats
		want.Min, want.Max = math.Inf(1), math.Inf(-1)
		sum, squares, k := 0.0, 0.0, 0.0
		var finite []float64
		for i := range n {
			v := float32(far + rng.NormFloat64())
			switch rng.IntN(50) {
			case 0:
				v, want.NaN = float32(math.NaN()), want.NaN+1
			case 1:
				v, want.Inf = float32(math.Inf(-1)), want.Inf+1
			case 2:
				v, want.Zero = 0, want.Zero+1
				fallthrough
			default:
				finite = append(finite, float64(v))
				sum, k = sum+float64(v), k+1
				want.Min, want.Max = min(want.Min, float64(v)), max(want.Max, float64(v))
			}
			store(data[4*i:], dtype.F32, v)
		}
		if err := mem.Put(info, data); err != nil {
			t.Fatal(err)
		}
		if k == 0 {
			want.Min, want.Max = 0, 0
		} else {
			want.Mean = sum / k
			for _, v := range finite {
				squares += (v - want.Mean) * (v - want.Mean)
			}
			want.Std = math.Sqrt(squares / k)
		}
		have, err := statsOf(t.Context(), info, mem.Bytes)
		near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a)) }
		if err != nil || have.Min != want.Min || have.Max != want.Max || have.Zero != want.Zero || have.NaN != want.NaN || have.Inf != want.Inf ||
			!near(have.Mean, want.Mean) || !near(have.Std, want.Std) {
			t.Errorf("%d elements: %+v, %v; want %+v", n, have, err, want)
		}
	})
}

func TestAnInspectionShowsWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	m := fourLayers()
	dir := m.hf(t, 1)
	for name, c := range map[string]struct {
		opt  InspectOptions
		want int
	}{
		"all":       {InspectOptions{}, 4*9 + 3},
		"a text":    {InspectOptions{Match: "q_proj"}, 4},
		"a pattern": {InspectOptions{Match: "model.layers.1.*", Stats: true}, 9},
		"nothing":   {InspectOptions{Match: "?"}, 0},
	} {
		in, err := Inspect(t.Context(), dir, c.opt)
		if err != nil || len(in.Tensors) != c.want || in.Parameters == 0 {
			t.Errorf("%s: %d tensors, %v, want %d", name, len(in.Tensors), err, c.want)
			continue
		}
		for _, i := range in.Tensors {
			if (i.Stats != nil) != c.opt.Stats {
				t.Errorf("%s: statistics %v", name, i.Stats)
			}
		}
	}
	if _, err := Inspect(t.Context(), dir, InspectOptions{Match: "[a"}); err == nil {
		t.Error("a bad pattern is accepted")
	}
	lora, err := Inspect(t.Context(), m.peft(t, 1, 2, 5, nil, "q_proj"), InspectOptions{})
	if err != nil || lora.Kind != "peft" || lora.LoRA.R != 2 || lora.LoRA.Alpha != 5 || len(lora.Tensors) != 8 {
		t.Errorf("LoRA weights: %+v, %v", lora, err)
	}
	file, err := Inspect(t.Context(), filepath.Join("..", "ckpt", "gguf", "testdata", "kinds.gguf"), InspectOptions{Match: "q4_k"})
	if err != nil || file.Kind != "gguf" || len(file.Tensors) != 1 || file.Tensors[0].Stored != "Q4_K" || file.Metadata["llama.context_length"] != "64" {
		t.Errorf("GGUF: %+v, %v", file, err)
	}
	if _, err := Inspect(t.Context(), filepath.Join(dir, safetensors.SingleName), InspectOptions{Stats: true}); err != nil {
		t.Errorf("a file: %v", err)
	}
}
