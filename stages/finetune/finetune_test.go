package finetune

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/ascend/cpu"
	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/convert"
	"github.com/belay-ml/belay/models/decoder"
	"github.com/belay-ml/belay/stages/inference"
	"github.com/belay-ml/belay/stages/internal/tiny"
	"github.com/belay-ml/belay/stages/trainer"
)

func params(model, data string) Params {
	return Params{
		Checkpoint: artifact.Ref{Path: model}, Data: artifact.Ref{Path: data}, SeqLength: 64, Split: "100,0,0", Mode: "full",
		LoRAR: 4, LoRAAlpha: 8, Targets: []string{"linear_qkv", "linear_proj", "linear_fc1", "linear_fc2"},
		Hyper: trainer.Hyper{
			TrainIters: 3, MicroBatchSize: 2, LR: 1e-2, LRDecayStyle: "linear", WeightDecay: 0.01,
			AdamBeta1: 0.9, AdamBeta2: 0.999, AdamEps: 1e-8, ClipGrad: 1, Seed: 1234, OnNaN: "stop", LogInterval: 10, SaveInterval: 100,
		},
	}
}

func run(t *testing.T, p Params) (engine.Out, error) {
	t.Helper()
	root := t.TempDir()
	out := engine.Out{Root: root, Ports: map[string]string{"checkpoint": filepath.Join(root, "checkpoint"), "metrics": filepath.Join(root, "metrics")}, Notes: map[string]any{}}
	return out, Stage{}.Run(context.Background(), engine.In{Params: &p, Work: t.TempDir(), CPU: 2}, out)
}

func one(samples []tiny.Sample) [][]tiny.Sample {
	var packs [][]tiny.Sample
	for _, s := range samples {
		packs = append(packs, []tiny.Sample{s})
	}
	return packs
}

func TestStage(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	data := tiny.Instructions(t, one(tiny.Samples(12)), 0, false)
	values := func(mode string) map[string]any {
		return map[string]any{
			"checkpoint": engine.Source{Path: model, As: "model"}, "data": engine.Source{Path: data, As: "data"},
			"seq_length": 32, "train_iters": 3, "lr": 0.01, "micro_batch_size": 2, "mode": mode,
		}
	}
	enginetest.Stage(t, Stage{},
		enginetest.Case{Name: "full", Values: values("full")},
		enginetest.Case{Name: "lora", Values: values("lora")})
}

// losses trains on data and gives the losses.
func losses(t *testing.T, p Params) []float64 {
	t.Helper()
	out, err := run(t, p)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(out.Ports["metrics"], trainer.CurveFile))
	if err != nil {
		t.Fatal(err)
	}
	var all []float64
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var step int
		var loss float64
		if _, err := fmt.Sscanf(line, `{"step":%d,"loss":%g,`, &step, &loss); err != nil {
			t.Fatal(line, err)
		}
		all = append(all, loss)
	}
	return all
}

// lossOf is the mean loss of a model on the first n samples of data as one micro batch.
func lossOf(t *testing.T, model, data string, n int) decoder.Loss {
	t.Helper()
	be := cpu.New(1)
	defer be.Close()
	m, _, err := inference.Load(be, model)
	if err != nil {
		t.Fatal(err)
	}
	p := params(model, data)
	s, err := newSamples(&p)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	in, err := s.Micro(0, n)
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.NewBatch(decoder.Options{MaxTokens: len(in.IDs)})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Forward(in); err != nil {
		t.Fatal(err)
	}
	return b.Loss()
}

func TestPackedDataHasTheLossOfUnpackedData(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	samples := tiny.Samples(6)
	// One pack of all six, padded; or six samples, each by itself. One epoch of either is one micro batch.
	packed := lossOf(t, model, tiny.Instructions(t, [][]tiny.Sample{samples}, 60, true), 1)
	apart := lossOf(t, model, tiny.Instructions(t, one(samples), 0, false), 6)
	if packed.Count != apart.Count || packed.Count == 0 || math.Abs(packed.Mean()-apart.Mean()) > 1e-6 {
		t.Errorf("packed %+v, apart %+v", packed, apart)
	}
	// Without lengths the pack is one long sample, whose parts see one another: the same targets, but for
	// those across joints, and another loss. This is what the lengths are for.
	joined := lossOf(t, model, tiny.Instructions(t, [][]tiny.Sample{samples}, 60, false), 1)
	if math.Abs(joined.Mean()-apart.Mean()) < 1e-6 {
		t.Errorf("joined %+v, apart %+v: the samples of a pack are told apart by nothing", joined, apart)
	}
}

func TestPaddingIsLeftOut(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	samples := tiny.Samples(4)
	p := params(model, tiny.Instructions(t, one(samples), 40, false))
	padded := losses(t, p)
	p.Data.Path = tiny.Instructions(t, one(samples), 0, false)
	if d := cmp.Diff(losses(t, p), padded); d != "" {
		t.Errorf("padded on the right:\n%s", d)
	}
}

func TestEveryParameterActs(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	base := params(model, tiny.Instructions(t, one(tiny.Samples(12)), 0, false))
	base.Mode = "lora"
	checkpoint := func(t *testing.T, p Params) map[string]string {
		out, err := run(t, p)
		if err != nil {
			t.Fatal(err)
		}
		src, meta, err := convert.OpenCanonical(out.Ports["checkpoint"], convert.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		all := map[string]string{"lora": fmt.Sprint(meta.LoRA)}
		if meta.LoRA != nil {
			all["lora"] = fmt.Sprint(*meta.LoRA)
		}
		for _, i := range src.List() {
			b, err := src.Bytes(i.Name)
			if err != nil {
				t.Fatal(err)
			}
			all[i.Name] = string(b)
		}
		return all
	}
	want := checkpoint(t, base)
	for name, change := range map[string]func(p *Params){
		"seq_length":          func(p *Params) { p.SeqLength = 7 },
		"split":               func(p *Params) { p.Split = "50,50,0" },
		"mode":                func(p *Params) { p.Mode = "full" },
		"lora_r":              func(p *Params) { p.LoRAR = 3 },
		"lora_alpha":          func(p *Params) { p.LoRAAlpha = 9 },
		"lora_target_modules": func(p *Params) { p.Targets = []string{"query_key_value"} },
		"seed":                func(p *Params) { p.Seed = 1 },
		"global_batch_size":   func(p *Params) { p.GlobalBatchSize = 4 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := base
			change(&p)
			have := checkpoint(t, p)
			same := len(have) == len(want)
			for k, v := range want {
				same = same && have[k] == v
			}
			if same {
				t.Error("the parameter changes nothing")
			}
		})
	}
}

func TestLoRACheckpointKeepsTheBaseAndCarriesAdapters(t *testing.T) {
	t.Parallel()
	source := tiny.Megatron(t, tiny.Model(t, tiny.Config(), dtype.F32), 2, 2, 1)
	p := params(source, tiny.Instructions(t, one(tiny.Samples(12)), 0, false))
	p.Mode, p.Targets = "lora", []string{"linear_qkv", "linear_fc1"}
	out, err := run(t, p)
	if err != nil {
		t.Fatal(err)
	}
	base, _, err := convert.OpenCanonical(source, convert.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	tuned, meta, err := convert.OpenCanonical(out.Ports["checkpoint"], convert.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer tuned.Close()
	if meta.LoRA == nil || meta.LoRA.R != 4 || meta.LoRA.Alpha != 8 || cmp.Diff(meta.LoRA.Targets, p.Targets) != "" || meta.Layout.TP != 2 || meta.Layout.PP != 2 {
		t.Errorf("adapters %+v, layout %+v", meta.LoRA, meta.Layout)
	}
	for _, i := range base.List() {
		a, errA := base.Bytes(i.Name)
		b, errB := tuned.Bytes(i.Name)
		if errA != nil || errB != nil || string(a) != string(b) {
			t.Errorf("frozen tensor %s changed (%v, %v)", i.Name, errA, errB)
		}
	}
	if have, want := len(tuned.List())-len(base.List()), 2*2*2; have != want {
		t.Errorf("%d adapter tensors, want %d", have, want)
	}
}

func TestMistakesNameTheirCause(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	data := tiny.Instructions(t, one(tiny.Samples(4)), 0, false)
	several := tiny.Instructions(t, one(tiny.Samples(2)), 0, false)
	for _, f := range []string{"input_ids", "attention_mask", "labels"} {
		for _, ext := range []string{".idx", ".bin"} {
			name := "_packed_" + f + "_document" + ext
			b, err := os.ReadFile(filepath.Join(several, "data"+name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(several, "more"+name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name   string
		change func(p *Params)
		code   int
		want   string
	}{
		{"unknown module", func(p *Params) { p.Mode, p.Targets = "lora", []string{"q_proj"} }, fault.Recipe, `unknown module "q_proj"`},
		{"no modules", func(p *Params) { p.Mode, p.Targets = "lora", nil }, fault.Recipe, "lora_target_modules is empty"},
		{"alpha of 0", func(p *Params) { p.Mode, p.LoRAAlpha = "lora", 0 }, fault.Recipe, "lora_alpha 0"},
		{"several sets", func(p *Params) { p.Data.Path = several }, fault.Data, "several sets (data, more)"},
		{"pretraining data", func(p *Params) { p.Data.Path = tiny.Index(t, 3) }, fault.Data, "no file *_packed_input_ids_document.idx"},
		{"bad split", func(p *Params) { p.Split = "x" }, fault.Recipe, "split"},
		{"nothing to train on", func(p *Params) { p.Split = "0,100,0" }, fault.Data, "leaves nothing to train on"},
		{"answers cut off", func(p *Params) { p.SeqLength = 2 }, fault.Data, "no token to train on"},
	} {
		p := params(model, data)
		c.change(&p)
		_, err := run(t, p)
		if fault.CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: code %d, error %v", c.name, fault.CodeOf(err), err)
		}
	}
}
