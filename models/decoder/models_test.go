package decoder_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/optim"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/decoder"
	"github.com/belay-ml/belay/models/hfconfig"
	"github.com/belay-ml/belay/testdata/goldens"
)

// pending holds the cases that need a capability not built yet: architectures that the decoder does
// not compute.
func pending(err error) bool {
	var unknown *hfconfig.UnsupportedError
	return errors.As(err, &unknown)
}

// families calls f for every model folder.
func families(t *testing.T, f func(t *testing.T, dir string)) {
	root := goldens.Dir(t, "models")
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		dir := filepath.Join(root, e.Name())
		if !e.IsDir() || !exists(filepath.Join(dir, "config.json")) {
			continue
		}
		t.Run(e.Name(), func(t *testing.T) {
			t.Parallel()
			cfg, err := hfconfig.Load(dir)
			if err == nil {
				err = cfg.Plain()
			}
			if pending(err) && goldens.Pending() {
				t.Skipf("pending: %v", err)
			}
			if slices.Contains([]string{"BaiChuanForCausalLM", "InternLM2ForCausalLM"}, cfg.Arch) {
				t.Skip("packed tensors: the forward command's test runs it")
			}
			f(t, dir)
		})
	}
}

type meta struct {
	Tolerance struct {
		Logits float64 `json:"logits_atol"`
		Loss   float64 `json:"loss_atol"`
		Grads  float64 `json:"grads_atol"`
	} `json:"suggested_tolerance"`
}

func TestGoldenForwardAndGradients(t *testing.T) {
	t.Parallel()
	families(t, func(t *testing.T, dir string) {
		var tol meta
		readJSON(t, filepath.Join(dir, "meta.json"), &tol)
		want := open(t, filepath.Join(dir, "golden.safetensors"))
		m := load(t, dir)
		v := m.Config().Vocab
		width := shape(t, want, "input_ids")[1]
		lengths := tokens(t, want, "lengths")
		in := packed(tokens(t, want, "input_ids"), width, lengths)

		for _, opt := range []decoder.Options{
			{MaxTokens: len(in.IDs), Grad: true},
			{MaxTokens: len(in.IDs) + 5, Grad: true, Recompute: true},
		} {
			b := batch(t, m, opt)
			m.ZeroGrad()
			loss, err := b.Step(in, 1)
			if err != nil {
				t.Fatal(err)
			}
			if d := math.Abs(loss.Mean() - float64(floats(t, want, "loss")[0])); !(d <= tol.Tolerance.Loss) {
				t.Errorf("loss is off by %g, allowed %g", d, tol.Tolerance.Loss)
			}
			for _, p := range m.Params() {
				if d := maxDiff(hostGrad(m, p), goldenOf(t, want, "grad.", p.Name)); d > tol.Tolerance.Grads {
					t.Errorf("recompute %v: gradient of %s is off by %g, allowed %g", opt.Recompute, p.Name, d, tol.Tolerance.Grads)
				}
			}
			got := make([]float32, len(in.IDs)*v)
			if err := b.Logits(got, nil); err != nil {
				t.Fatal(err)
			}
			all := floats(t, want, "logits")
			for r, n := range lengths {
				from := int(in.CuSeqlens[r])
				if d := maxDiff(got[from*v:(from+int(n))*v], all[r*width*v:(r*width+int(n))*v]); d > tol.Tolerance.Logits {
					t.Errorf("logits of row %d are off by %g, allowed %g", r, d, tol.Tolerance.Logits)
				}
			}
		}
	})
}

func TestGoldenDecode(t *testing.T) {
	t.Parallel()
	families(t, func(t *testing.T, dir string) {
		var tol meta
		readJSON(t, filepath.Join(dir, "meta.json"), &tol)
		want := open(t, filepath.Join(dir, "golden.safetensors"))
		m := load(t, dir)
		v := m.Config().Vocab
		prompt, ids := tokens(t, want, "decode.prompt_ids"), tokens(t, want, "decode.ids")
		logits := floats(t, want, "decode.logits")
		// A second slot with another history must not disturb the first, and small passes must not either.
		s, err := m.NewSession(decoder.SessionOptions{Slots: 2, MaxLen: len(prompt) + len(ids), MaxRows: 10})
		if err != nil {
			t.Fatal(err)
		}
		feed := []decoder.Chunk{{Slot: 1, IDs: prompt}, {Slot: 0, IDs: prompt[:3]}}
		for i, id := range ids {
			got, err := s.Feed(feed)
			if err != nil {
				t.Fatal(err)
			}
			if d := maxDiff(got[:v], logits[i*v:(i+1)*v]); d > tol.Tolerance.Logits {
				t.Errorf("step %d: logits are off by %g, allowed %g", i, d, tol.Tolerance.Logits)
			}
			next := argmax(got[:v])
			if next != id {
				t.Fatalf("step %d: token %d, want %d", i, next, id)
			}
			feed = []decoder.Chunk{{Slot: 1, IDs: []int32{next}}, {Slot: 0, IDs: []int32{argmax(got[v : 2*v])}}}
		}
	})
}

// trace is train_golden.json and lora_golden.json.
type trace struct {
	R        int     `json:"r"`
	Alpha    float64 `json:"alpha"`
	LR       []float64
	Schedule struct {
		LR []float64 `json:"lr"`
	} `json:"schedule"`
	Steps struct {
		Loss     []float64 `json:"loss"`
		GradNorm []float64 `json:"grad_norm"`
	} `json:"steps"`
	Final   map[string]struct{ Sum, L2 float64 } `json:"final_params"`
	Adapter map[string]struct{ Sum, L2 float64 } `json:"adapter_final"`
}

type adamw struct {
	Betas       [2]float64 `json:"betas"`
	Eps         float64    `json:"eps"`
	WeightDecay float64    `json:"weight_decay"`
}

// optimizer is the setting of the family's training trace; its adapters share it.
func optimizer(t *testing.T, dir string) adamw {
	t.Helper()
	var file struct {
		Optimizer adamw `json:"optimizer"`
	}
	readJSON(t, filepath.Join(dir, "train_golden.json"), &file)
	return file.Optimizer
}

// train runs the steps of a trace: clip to norm 1, AdamW, one batch a step.
func train(t *testing.T, m *decoder.Model, batches []int32, shape []int, lr []float64, c adamw, want *trace) {
	t.Helper()
	rowsOf, width := shape[1], shape[2]
	b := batch(t, m, decoder.Options{MaxTokens: rowsOf * width, Grad: true})
	o := m.NewOptimizer()
	for i := range want.Steps.Loss {
		in := packed(batches[i*rowsOf*width:(i+1)*rowsOf*width], width, nil)
		m.ZeroGrad()
		loss, err := b.Step(in, 1)
		if err != nil {
			t.Fatal(err)
		}
		norm := m.GradNorm()
		if d := math.Abs(loss.Mean() - want.Steps.Loss[i]); !(d < 2e-5) {
			t.Errorf("step %d: loss %.6f, want %.6f", i, loss.Mean(), want.Steps.Loss[i])
		}
		if d := math.Abs(norm - want.Steps.GradNorm[i]); !(d < 5e-5) {
			t.Errorf("step %d: gradient norm %.6f, want %.6f", i, norm, want.Steps.GradNorm[i])
		}
		o.Step(op.AdamW{
			LR: float32(lr[i]), Beta1: float32(c.Betas[0]), Beta2: float32(c.Betas[1]), Eps: float32(c.Eps),
			WeightDecay: float32(c.WeightDecay), Step: i + 1, GradScale: float32(optim.ClipFactor(norm, 1)),
		})
	}
}

func TestGoldenTraining(t *testing.T) {
	t.Parallel()
	families(t, func(t *testing.T, dir string) {
		path := filepath.Join(dir, "train_golden.json")
		if !exists(path) {
			t.Skip("no training golden")
		}
		var want trace
		readJSON(t, path, &want)
		src := open(t, filepath.Join(dir, "train_batches.safetensors"))
		m := load(t, dir)
		train(t, m, tokens(t, src, "batches"), shape(t, src, "batches"), want.Schedule.LR, optimizer(t, dir), &want)
		seen := 0
		for name, f := range want.Final {
			for _, p := range m.Params() {
				if p.Name != hfNames.Replace(name) {
					continue
				}
				seen++
				sum, l2 := sumAndNorm(host(m, p))
				if math.Abs(sum-f.Sum) > 2e-3 || math.Abs(l2-f.L2) > 1e-4 {
					t.Errorf("%s: sum %.6f l2 %.6f, want %.6f %.6f", name, sum, l2, f.Sum, f.L2)
				}
			}
		}
		if seen != len(want.Final) {
			t.Errorf("compared %d of %d tensors", seen, len(want.Final))
		}
	})
}

func TestGoldenLoRA(t *testing.T) {
	t.Parallel()
	families(t, func(t *testing.T, dir string) {
		lora := filepath.Join(dir, "lora")
		if !exists(lora) {
			t.Skip("no lora golden")
		}
		var want trace
		readJSON(t, filepath.Join(lora, "lora_golden.json"), &want)
		var adapter struct {
			Targets []string `json:"target_modules"`
		}
		readJSON(t, filepath.Join(lora, "adapter_config.json"), &adapter)
		cfg := decoder.LoRA{Rank: want.R, Alpha: want.Alpha}
		for _, name := range adapter.Targets {
			cfg.Targets = append(cfg.Targets, name[:len(name)-len("_proj")])
		}
		m := load(t, dir)
		if err := m.Attach(cfg, 1); err != nil {
			t.Fatal(err)
		}
		if err := m.LoadAdapters(rename(open(t, filepath.Join(lora, "adapter_init.safetensors")))); err != nil {
			t.Fatal(err)
		}
		data := open(t, filepath.Join(lora, "data.safetensors"))
		batches, dims := tokens(t, data, "batches"), shape(t, data, "batches")
		train(t, m, batches, dims, want.LR, optimizer(t, dir), &want)

		final := open(t, filepath.Join(lora, "adapter_model.safetensors"))
		for _, p := range m.Trainable() {
			if d := maxDiff(host(m, p), goldenOf(t, final, "", p.Name)); d > 2e-5 {
				t.Errorf("%s is off by %g", p.Name, d)
			}
		}
		if err := m.Merge(); err != nil {
			t.Fatal(err)
		}
		merged := open(t, filepath.Join(lora, "merged.safetensors"))
		for _, p := range m.Params() {
			if d := maxDiff(host(m, p), goldenOf(t, merged, "", p.Name)); d > 2e-6 {
				t.Errorf("merged %s is off by %g", p.Name, d)
			}
		}
		in := packed(batches[:dims[1]*dims[2]], dims[2], nil)
		b := batch(t, m, decoder.Options{MaxTokens: len(in.IDs)})
		if err := b.Forward(in); err != nil {
			t.Fatal(err)
		}
		got := make([]float32, len(in.IDs)*m.Config().Vocab)
		if err := b.Logits(got, nil); err != nil {
			t.Fatal(err)
		}
		if d := maxDiff(got, floats(t, data, "merged_logits_batch0")); d > 5e-5 {
			t.Errorf("merged logits are off by %g", d)
		}
	})
}

// goldenOf is the golden tensor whose published name means name.
func goldenOf(t *testing.T, src ckpt.Source, prefix, name string) []float32 {
	t.Helper()
	list := src.List()
	i := slices.IndexFunc(list, func(info ckpt.Info) bool {
		return len(info.Name) > len(prefix) && info.Name[:len(prefix)] == prefix && hfNames.Replace(info.Name[len(prefix):]) == name
	})
	if i < 0 {
		t.Fatalf("no golden for %s", name)
	}
	return floats(t, src, list[i].Name)
}
