package generate

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/belay-ml/belay/ascend/cpu"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
	"github.com/belay-ml/belay/models/decoder"
	"github.com/belay-ml/belay/models/decoder/sample"
	"github.com/belay-ml/belay/models/hfconfig"
	"github.com/belay-ml/belay/testdata/goldens"
)

// canonical shows a published llama checkpoint under canonical names.
type canonical struct {
	ckpt.Source
	old map[string]string
}

func (c canonical) List() []ckpt.Info {
	var out []ckpt.Info
	names := strings.NewReplacer(
		"model.embed_tokens.", "embed.", "model.norm.", "norm.", "lm_head.", "head.", "model.layers.", "layers.",
		"input_layernorm.", "attn_norm.", "post_attention_layernorm.", "mlp_norm.",
		"self_attn.", "attn.", "_proj.", ".")
	for _, info := range c.Source.List() {
		name := names.Replace(info.Name)
		c.old[name] = info.Name
		info.Name = name
		out = append(out, info)
	}
	return out
}

func (c canonical) Bytes(name string) ([]byte, error) { return c.Source.Bytes(c.old[name]) }

func load(t *testing.T, dir string) *decoder.Model {
	t.Helper()
	cfg, err := hfconfig.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	be := cpu.New(2)
	t.Cleanup(func() { be.Close() })
	m, err := decoder.New(be, cfg)
	if err != nil {
		t.Fatal(err)
	}
	src, err := safetensors.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if err := m.Load(canonical{src, map[string]string{}}); err != nil {
		t.Fatal(err)
	}
	return m
}

func tiny(t *testing.T) *decoder.Model {
	t.Helper()
	be := cpu.New(1)
	t.Cleanup(func() { be.Close() })
	m, err := decoder.New(be, hfconfig.Config{
		Arch: "LlamaForCausalLM", ModelType: "llama", NumLayers: 2, Hidden: 16, FFN: 24, NumHeads: 2, NumKVHeads: 1,
		HeadDim: 8, Vocab: 40, MaxPositions: 64, NormEps: 1e-5, RopeBase: 10000, Activation: "silu",
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Init(5)
	return m
}

type hypothesis struct {
	IDs   []int32
	Score float64
}

type goldenCase struct {
	Model     string
	Prompt    string
	InputIDs  []int32      `json:"input_ids"`
	Greedy    []int32      `json:"greedy"`
	Margin    float64      `json:"greedy_min_margin"`
	Penalty   []int32      `json:"greedy_repetition_penalty_1.3"`
	NoRepeat  []int32      `json:"greedy_no_repeat_ngram_2"`
	Beam4     hypothesis   `json:"beam4_length_penalty_0.7"`
	Beam3     []hypothesis `json:"beam3_return3_early"`
	ExtraStop struct {
		EOS int32 `json:"extra_eos"`
		IDs []int32
	} `json:"stop_on_extra_eos"`
}

func TestGoldenGenerate(t *testing.T) {
	t.Parallel()
	eval := goldens.Dir(t, "eval")
	data, err := os.ReadFile(filepath.Join(eval, "generate.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		MaxNewTokens int `json:"max_new_tokens"`
		Cases        []goldenCase
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	byModel := map[string][]goldenCase{}
	for _, c := range file.Cases {
		byModel[c.Model] = append(byModel[c.Model], c)
	}
	for name, cases := range byModel {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := load(t, filepath.Join(eval, "lm_eval", "models", name))
			eos := m.Config().EOS
			plain := Options{Params: sample.Defaults(), MaxNewTokens: file.MaxNewTokens, Slots: 3}
			plain.EOS = eos
			penalty, noRepeat := plain, plain
			penalty.RepetitionPenalty = 1.3
			noRepeat.NoRepeatNGram = 2
			beam4 := BeamOptions{Options: plain, Beams: 4, LengthPenalty: 0.7}
			beam4.Slots = 0
			beam3 := BeamOptions{Options: beam4.Options, Beams: 3, Return: 3, LengthPenalty: 1, Early: EarlyTrue}

			// All prompts at once through three slots: company must not matter.
			var prompts [][]int32
			for _, c := range cases {
				prompts = append(prompts, c.InputIDs)
			}
			for kind, v := range map[string]struct {
				opt  Options
				want func(goldenCase) []int32
			}{
				"greedy":             {plain, func(c goldenCase) []int32 { return c.Greedy }},
				"repetition penalty": {penalty, func(c goldenCase) []int32 { return c.Penalty }},
				"no repeat":          {noRepeat, func(c goldenCase) []int32 { return c.NoRepeat }},
			} {
				got, err := Run(t.Context(), m, prompts, v.opt)
				if err != nil {
					t.Fatal(err)
				}
				for i, c := range cases {
					if c.Margin > 1e-3 && !slices.Equal(got[i].IDs, v.want(c)) {
						t.Errorf("%s %q:\n have %v\n want %v", kind, c.Prompt, got[i].IDs, v.want(c))
					}
				}
			}
			for _, c := range cases {
				stop := plain
				stop.EOS = append(slices.Clone(eos), c.ExtraStop.EOS)
				got, err := Run(t.Context(), m, [][]int32{c.InputIDs}, stop)
				if err != nil {
					t.Fatal(err)
				}
				if c.Margin > 1e-3 && !slices.Equal(got[0].IDs, c.ExtraStop.IDs) {
					t.Errorf("extra eos %q:\n have %v\n want %v", c.Prompt, got[0].IDs, c.ExtraStop.IDs)
				}
				checkBeams(t, m, c, "beam 4", beam4, []hypothesis{c.Beam4})
				checkBeams(t, m, c, "beam 3", beam3, c.Beam3)
			}
		})
	}
}

func checkBeams(t *testing.T, m *decoder.Model, c goldenCase, kind string, opt BeamOptions, want []hypothesis) {
	t.Helper()
	got, err := Beam(t.Context(), m, c.InputIDs, opt)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%s %q: %d sequences, want %d", kind, c.Prompt, len(got), len(want))
	}
	for i, w := range want {
		if !slices.Equal(got[i].IDs, w.IDs) || !(math.Abs(got[i].Score-w.Score) < 1e-3) {
			t.Errorf("%s %q, sequence %d:\n have %v %.5f\n want %v %.5f", kind, c.Prompt, i, got[i].IDs, got[i].Score, w.IDs, w.Score)
		}
	}
}

func TestSampledTextDoesNotDependOnCompany(t *testing.T) {
	t.Parallel()
	m := tiny(t)
	opt := Options{Params: sample.Defaults(), MaxNewTokens: 12, LogProbs: true}
	opt.DoSample, opt.Seed, opt.Temperature = true, 11, 1.5
	opt.EOS = []int32{7}
	prompts := [][]int32{{1, 2, 3}, {4}, {5, 6, 8, 9, 10, 11}, {12, 13}}
	opt.Slots = 1
	one, err := Run(t.Context(), m, prompts, opt)
	if err != nil {
		t.Fatal(err)
	}
	opt.Slots = 3
	many, err := Run(t.Context(), m, prompts, opt)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(one) != fmt.Sprint(many) {
		t.Errorf("one at a time: %v\nthree at a time: %v", one, many)
	}
}

func TestRunStopsWhereTheCallerSays(t *testing.T) {
	t.Parallel()
	m := tiny(t)
	opt := Options{Params: sample.Defaults(), MaxNewTokens: 9}
	heard := map[int]int{}
	opt.Token = func(prompt int, _ int32) bool {
		heard[prompt]++
		return prompt == 0 && heard[0] == 2
	}
	got, err := Run(t.Context(), m, [][]int32{{1}, {2}}, opt)
	if err != nil {
		t.Fatal(err)
	}
	if len(got[0].IDs) != 2 || got[0].Reason != Stop {
		t.Errorf("stopped sequence: %v", got[0])
	}
	if len(got[1].IDs) != 9 || got[1].Reason != Length {
		t.Errorf("other sequence: %v", got[1])
	}
}

func TestRunEndsWhenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, tiny(t), [][]int32{{1}}, Options{Params: sample.Defaults(), MaxNewTokens: 2}); err == nil {
		t.Error("no error")
	}
}

func TestOptionsNameWhatIsWrong(t *testing.T) {
	t.Parallel()
	opt := BeamOptions{Options: Options{Params: sample.Defaults()}, Beams: 2, Return: 3, Early: "maybe"}
	opt.DoSample = true
	err := opt.Check()
	for _, name := range []string{"max_new_tokens", "num_return_sequences", "do_sample", "early_stopping"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("no word of %s in: %v", name, err)
		}
	}
}

func TestBeamSearchSettlesWhenNothingCanWin(t *testing.T) {
	t.Parallel()
	s := &search{opt: BeamOptions{Beams: 2, LengthPenalty: 1}}
	s.opt.MaxNewTokens = 10
	s.running = []beam{{score: -6}}
	for _, c := range []struct {
		name     string
		early    Early
		finished []beam
		want     bool
	}{
		{"too few finished", EarlyFalse, []beam{{score: -1}}, false},
		{"the running beam is better at its length", EarlyFalse, []beam{{score: -1}, {score: -3.5}}, false},
		{"the running beam is worse at its length", EarlyFalse, []beam{{score: -1}, {score: -2}}, true},
		{"it could still win at full length", EarlyNever, []beam{{score: -1}, {score: -2}}, false},
		{"it cannot win at any length", EarlyNever, []beam{{score: -0.1}, {score: -0.2}}, true},
	} {
		s.opt.Early, s.finished, s.settled = c.early, c.finished, false
		if s.settle(2); s.settled != c.want {
			t.Errorf("%s: settled %v, want %v", c.name, s.settled, c.want)
		}
	}
}
