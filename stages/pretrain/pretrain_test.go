package pretrain

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ml/belay/ascend/cpu"
	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/stages/inference"
	"github.com/belay-ml/belay/stages/internal/tiny"
	"github.com/belay-ml/belay/stages/trainer"
)

func params(model, data string) Params {
	return Params{
		Checkpoint: artifact.Ref{Path: model}, Data: artifact.Ref{Path: data}, SeqLength: 16, Split: "100,0,0", EOD: -1,
		Hyper: trainer.Hyper{
			TrainIters: 3, MicroBatchSize: 2, GlobalBatchSize: 4, LR: 1e-2, LRDecayStyle: "linear", WeightDecay: 0.01,
			AdamBeta1: 0.9, AdamBeta2: 0.999, AdamEps: 1e-8, ClipGrad: 1, Seed: 1234, OnNaN: "stop", LogInterval: 10, SaveInterval: 100,
		},
	}
}

// run runs the stage and returns where its ports are.
func run(t *testing.T, p Params, events *tiny.Events) (engine.Out, error) {
	t.Helper()
	root := t.TempDir()
	out := engine.Out{Root: root, Ports: map[string]string{"checkpoint": filepath.Join(root, "checkpoint"), "metrics": filepath.Join(root, "metrics")}, Notes: map[string]any{}}
	return out, Stage{}.Run(context.Background(), engine.In{Params: &p, Work: t.TempDir(), CPU: 2, Events: events.Stage()}, out)
}

// results are what distinguishes two runs.
func results(t *testing.T, out engine.Out) (weights map[string]string, curve string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(out.Ports["metrics"], trainer.CurveFile))
	if err != nil {
		t.Fatal(err)
	}
	be := cpu.New(1)
	defer be.Close()
	m, meta, err := inference.Load(be, out.Ports["checkpoint"])
	if err != nil {
		t.Fatal(err)
	}
	weights = map[string]string{"meta": fmt.Sprint(meta.DType, meta.Layout)}
	src := m.Export()
	for _, i := range src.List() {
		b, err := src.Bytes(i.Name)
		if err != nil {
			t.Fatal(err)
		}
		weights[i.Name] = string(b)
	}
	return weights, string(data)
}

func TestStage(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	data := tiny.Index(t, 40)
	enginetest.Stage(t, Stage{}, enginetest.Case{
		Name: "tiny",
		Values: map[string]any{
			"checkpoint": engine.Source{Path: model, As: "model"}, "data": engine.Source{Path: data, As: "data"},
			"seq_length": 16, "train_iters": 4, "lr": 0.01, "micro_batch_size": 2,
		},
	})
}

func TestEveryParameterActs(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	data := tiny.Index(t, 60)
	tiny.AddIndex(t, filepath.Join(data, "other"), 7)
	base := params(model, data)
	base.Name = "text"
	out, err := run(t, base, &tiny.Events{})
	if err != nil {
		t.Fatal(err)
	}
	want, curve := results(t, out)
	for name, change := range map[string]func(p *Params){
		"data_name":            func(p *Params) { p.Name = "other" },
		"seq_length":           func(p *Params) { p.SeqLength = 15 },
		"split":                func(p *Params) { p.Split = "50,25,25" },
		"reset_position_ids":   func(p *Params) { p.ResetPos, p.ResetMask = true, false },
		"reset_attention_mask": func(p *Params) { p.ResetMask = true },
		"eod_mask_loss":        func(p *Params) { p.EODMask = true },
		"eod_token":            func(p *Params) { p.EODMask, p.EOD = true, 21 },
		"train_iters":          func(p *Params) { p.TrainIters = 4 },
		"micro_batch_size":     func(p *Params) { p.MicroBatchSize, p.GlobalBatchSize = 3, 3 },
		"global_batch_size":    func(p *Params) { p.GlobalBatchSize = 6 },
		"lr":                   func(p *Params) { p.LR = 2e-2 },
		"min_lr":               func(p *Params) { p.MinLR = 5e-3 },
		"lr_decay_style":       func(p *Params) { p.LRDecayStyle = "constant" },
		"lr_decay_iters":       func(p *Params) { p.LRDecayIters = 9 },
		"lr_warmup_iters":      func(p *Params) { p.LRWarmupIters = 2 },
		"lr_warmup_fraction":   func(p *Params) { p.LRWarmupFrac = 0.5 },
		"weight_decay":         func(p *Params) { p.WeightDecay = 0.5 },
		"adam_beta1":           func(p *Params) { p.AdamBeta1 = 0.5 },
		"adam_beta2":           func(p *Params) { p.AdamBeta2 = 0.5 },
		"adam_eps":             func(p *Params) { p.AdamEps = 1e-2 },
		"clip_grad":            func(p *Params) { p.ClipGrad, p.AdamEps = 1e-4, 1e-3 },
		"seed":                 func(p *Params) { p.Seed = 1 },
		"tp":                   func(p *Params) { p.TP = 2 },
		"pp":                   func(p *Params) { p.PP = 2 },
		"dtype":                func(p *Params) { p.DType = "bf16" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := base
			change(&p)
			out, err := run(t, p, &tiny.Events{})
			if err != nil {
				t.Fatal(err)
			}
			have, c := results(t, out)
			same := c == curve && len(have) == len(want)
			for k, v := range want {
				same = same && have[k] == v
			}
			if same {
				t.Error("the parameter changes nothing")
			}
		})
	}
}

func TestClippingAlone(t *testing.T) {
	t.Parallel()
	// Against the epsilon of its own, clipping must change the weights and not the norm in the curve.
	model, data := tiny.Model(t, tiny.Config(), dtype.F32), tiny.Index(t, 40)
	p := params(model, data)
	p.TrainIters, p.AdamEps, p.ClipGrad = 1, 1e-3, 0
	free, err := run(t, p, &tiny.Events{})
	if err != nil {
		t.Fatal(err)
	}
	p.ClipGrad = 1e-4
	clipped, err := run(t, p, &tiny.Events{})
	if err != nil {
		t.Fatal(err)
	}
	a, ca := results(t, free)
	b, cb := results(t, clipped)
	if ca != cb || a["norm.weight"] == b["norm.weight"] {
		t.Errorf("curves %s and %s, weights equal: %v", ca, cb, a["norm.weight"] == b["norm.weight"])
	}
}

func TestSavedCheckpointOpensAgainAndIsEqual(t *testing.T) {
	t.Parallel()
	cfg := tiny.Config()
	cfg.Vocab = 270
	source := tiny.Megatron(t, tiny.Model(t, cfg, dtype.BF16), 2, 2, 4)
	data := t.TempDir()
	tiny.AddIndex(t, filepath.Join(data, "text"), 30)
	p := params(source, data)
	p.LR = 0 // nothing is learned: the weights must come back as they were
	out, err := run(t, p, &tiny.Events{})
	if err != nil {
		t.Fatal(err)
	}
	tiny.Equal(t, source, out.Ports["checkpoint"])
	folders, err := filepath.Glob(filepath.Join(out.Ports["checkpoint"], "iter_0000003", "mp_rank_*"))
	if err != nil || len(folders) != 4 {
		t.Errorf("rank folders %v, error %v", folders, err)
	}
	var s trainer.Summary
	text, err := os.ReadFile(filepath.Join(out.Ports["metrics"], "metrics.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	if s.Iterations != 3 || s.Tokens != 3*4*16 || s.Parameters != s.Trained || s.Parameters == 0 {
		t.Errorf("summary %+v", s)
	}
}

func TestMistakesNameTheirCause(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	data := tiny.Index(t, 20)
	several := tiny.Index(t, 3)
	tiny.AddIndex(t, filepath.Join(several, "other"), 3)
	large := t.TempDir()
	w, err := corpus.Create(filepath.Join(large, "text"), corpus.I32)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add([]int32{1, 2, 40000, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := tiny.Config()
	cfg.EOS = nil
	endless := tiny.Model(t, cfg, dtype.F32)
	for _, c := range []struct {
		name   string
		change func(p *Params)
		code   int
		want   string
	}{
		{"several indexes", func(p *Params) { p.Data.Path = several }, fault.Recipe, "(other, text): choose one with data_name"},
		{"no index", func(p *Params) { p.Data.Path = t.TempDir() }, fault.Data, "no .bin/.idx pair"},
		{"no such index", func(p *Params) { p.Name = "absent" }, fault.Data, "absent"},
		{"an index elsewhere", func(p *Params) { p.Name = "../text" }, fault.Recipe, "leads out"},
		{"bad split", func(p *Params) { p.Split = "a" }, fault.Recipe, "split"},
		{"nothing to train on", func(p *Params) { p.Split = "0,100,0" }, fault.Data, "leaves nothing to train on"},
		{"unknown end of documents", func(p *Params) { p.Checkpoint.Path, p.EODMask = endless, true }, fault.Recipe, "set eod_token"},
		{"no checkpoint", func(p *Params) { p.Checkpoint.Path = t.TempDir() }, fault.Data, "open checkpoint"},
		{"ids of another vocabulary", func(p *Params) { p.Data.Path = large }, fault.Data, "40000"},
		{"a layout that does not fit", func(p *Params) { p.TP = 8 }, fault.Recipe, "tp 8"},
		{"batch sizes", func(p *Params) { p.MicroBatchSize = 3 }, fault.Recipe, "no multiple"},
	} {
		p := params(model, data)
		c.change(&p)
		_, err := run(t, p, &tiny.Events{})
		if fault.CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: code %d, error %v", c.name, fault.CodeOf(err), err)
		}
	}
}

func TestLongSamplesAreWarnedAbout(t *testing.T) {
	t.Parallel()
	p := params(tiny.Model(t, tiny.Config(), dtype.F32), tiny.Index(t, 40))
	p.SeqLength, p.TrainIters = 150, 1
	e := &tiny.Events{}
	if _, err := run(t, p, e); err != nil {
		t.Fatal(err)
	}
	if !e.Logged("warn", "150") {
		t.Error("no warning")
	}
}
