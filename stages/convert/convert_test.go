package convert

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/internal/tiny"
)

func params(from, to string) Params {
	return Params{From: artifact.Ref{Path: from}, To: to, TP: 1, PP: 1, EP: 1, Divisor: 1}
}

func run(t *testing.T, p Params, events *tiny.Events) (engine.Out, error) {
	t.Helper()
	root := t.TempDir()
	ports, err := Stage{}.Outputs(map[string]any{"to": p.To})
	if err != nil {
		t.Fatal(err)
	}
	out := engine.Out{Root: root, Ports: map[string]string{}, Notes: map[string]any{}}
	for _, port := range ports {
		out.Ports[port.Name] = filepath.Join(root, port.Rel())
	}
	return out, Stage{}.Run(context.Background(), engine.In{Params: &p, Work: t.TempDir(), CPU: 2, Events: events.Stage()}, out)
}

func TestStage(t *testing.T) {
	t.Parallel()
	model := engine.Source{Path: tiny.Model(t, tiny.Config(), dtype.BF16), As: "model"}
	mcore := engine.Source{Path: tiny.Megatron(t, model.Path, 2, 1, 1), As: "mcore"}
	enginetest.Stage(t, Stage{},
		enginetest.Case{Name: "to mcore", Values: map[string]any{"from": model, "to": "mcore", "tp": 2, "pp": 2, "verify": true}},
		enginetest.Case{Name: "to legacy", Values: map[string]any{"from": model, "to": "legacy", "dtype": "fp16"}},
		enginetest.Case{Name: "to hf", Values: map[string]any{"from": mcore, "to": "hf", "template": model}})
}

func TestPortsFollowTheFormat(t *testing.T) {
	t.Parallel()
	list := artifact.Port{Name: "tensors", Kind: artifact.Text, Path: "tensors.json"}
	ranks := []artifact.Port{{Name: "checkpoint", Kind: artifact.Megatron, Path: "checkpoint"}, list}
	for name, c := range map[string]struct {
		values map[string]any
		want   []artifact.Port
	}{
		"hf":                 {map[string]any{"to": "hf"}, []artifact.Port{{Name: "model", Kind: artifact.HFModel, Path: "model"}, list}},
		"mcore":              {map[string]any{"to": "mcore"}, ranks},
		"legacy":             {map[string]any{"to": "legacy"}, ranks},
		"adapters of Legacy": {map[string]any{"to": "legacy", "adapters": "only"}, []artifact.Port{{Name: "lora", Kind: artifact.LoRA, Path: "lora"}}},
		"adapters":           {map[string]any{"to": "hf", "adapters": "only"}, []artifact.Port{{Name: "lora", Kind: artifact.LoRA, Path: "lora"}}},
	} {
		ports, err := Stage{}.Outputs(c.values)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range ports {
			ports[i].Doc = ""
		}
		if d := cmp.Diff(c.want, ports); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}

func TestThereAndBackIsEqual(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.BF16)
	there := params(model, "mcore")
	there.TP, there.PP, there.Divisor = 2, 2, 4
	out, err := run(t, there, &tiny.Events{})
	if err != nil {
		t.Fatal(err)
	}
	if out.Notes["dtype"] != "BF16" || out.Notes["tensors"] != 15 {
		t.Errorf("notes %v", out.Notes)
	}
	back := params(out.Ports["checkpoint"], "hf")
	back.Template = artifact.Ref{Path: model}
	result, err := run(t, back, &tiny.Events{})
	if err != nil {
		t.Fatal(err)
	}
	tiny.Equal(t, model, result.Ports["model"])
	if _, err := os.Stat(filepath.Join(result.Ports["model"], "tokenizer.json")); err != nil {
		t.Error(err)
	}
}

func TestProgressOnlyRises(t *testing.T) {
	t.Parallel()
	events := &tiny.Events{}
	report := progress(engine.In{Events: events.Stage()})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() { report(int64((i*37)%50+1), 50) })
	}
	wg.Wait()
	last := int64(0)
	for _, e := range events.All() {
		if e.Progress.Done <= last {
			t.Errorf("%d after %d", e.Progress.Done, last)
		}
		last = e.Progress.Done
	}
	if last != 50 {
		t.Errorf("ends at %d", last)
	}
}

func TestMistakesNameTheirCause(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	for _, c := range []struct {
		name   string
		change func(p *Params)
		code   int
		want   string
	}{
		{"ranks in a Hugging Face directory", func(p *Params) { p.To, p.TP = "hf", 2 }, fault.Recipe, "to: hf writes no ranks"},
		{"padding in a Hugging Face directory", func(p *Params) { p.To, p.Divisor = "hf", 64 }, fault.Recipe, "make_vocab_size_divisible_by"},
		{"a list that is none", func(p *Params) { p.Layers = "1,x" }, fault.Recipe, "num_layer_list"},
		{"an unknown family", func(p *Params) { p.Family = "lama" }, fault.Recipe, "lama"},
		{"no checkpoint", func(p *Params) { p.From.Path = t.TempDir() }, fault.Data, "neither config.json"},
		{"a size that does not fit the model", func(p *Params) { p.TP = 3 }, fault.Data, "tp 3"},
		{"adapters that are not there", func(p *Params) { p.LoRAR = 4 }, fault.Data, "there are no LoRA weights"},
	} {
		p := params(model, "mcore")
		c.change(&p)
		out, err := run(t, p, &tiny.Events{})
		if fault.CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: code %d, error %v", c.name, fault.CodeOf(err), err)
		}
		if left, _ := filepath.Glob(filepath.Join(out.Root, "*", "*")); len(left) > 0 {
			t.Errorf("%s: left behind %v", c.name, left)
		}
	}
}
