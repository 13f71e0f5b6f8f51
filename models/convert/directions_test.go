package convert

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mixture writes a tiny Mixtral as a Hugging Face directory.
func mixture(t *testing.T) string {
	t.Helper()
	reg, err := Families("")
	if err != nil {
		t.Fatal(err)
	}
	f, err := reg.Named("mixtral")
	if err != nil {
		t.Fatal(err)
	}
	cfg := tinyConfig(t, f, false)
	dir := filepath.Join(quickDir(t), "hf")
	if _, err := Write(context.Background(), randomModel(t, f, cfg, 4), cfg, dir, WriteOptions{To: HF, Family: f.Name}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// direction is one way of converting. A source that is no Hugging Face model is made of one by the options source.
type direction struct {
	name       string
	source, to Options
	experts    bool // of Mixtral, not of LLaMA
}

// ranked is a source that another conversion made: its layout shares nothing with those of the results.
func ranked(to Format, more Options) Options {
	more.To = to
	if more.TP == 0 {
		more.TP = 4
	}
	return more
}

// TestDirections goes every way between the formats, with every layout that it can have: the result is laid out as asked
// for, holds the model of the beginning bit for bit, and comes back to Hugging Face.
func TestDirections(t *testing.T) {
	t.Parallel()
	legacy, mcore := ranked(Legacy, Options{PP: 2, MakeVocabSizeDivisibleBy: 8}), ranked(Mcore, Options{PP: 2, MakeVocabSizeDivisibleBy: 8})
	spread := ranked(Mcore, Options{TP: 2, EP: 4})
	chunked := func(f Format) Options { return ranked(f, Options{TP: 2, PP: 2, NumLayersPerVirtualStage: 1}) }
	listed := func(f Format) Options { return ranked(f, Options{TP: 2, PP: 2, NumLayerList: "3,1"}) }
	noop := ranked(Mcore, Options{TP: 2, PP: 3, NoopLayers: "0,5"})
	for _, d := range []direction{
		{name: "HF to Legacy, TP", to: Options{To: Legacy, TP: 2}},
		{name: "HF to Legacy, PP", to: Options{To: Legacy, PP: 4}},
		{name: "HF to Legacy, NLL", to: Options{To: Legacy, TP: 2, PP: 3, NumLayerList: "1,2,1"}},
		{name: "HF to Legacy, VPP", to: Options{To: Legacy, PP: 2, NumLayersPerVirtualStage: 1}},
		{name: "HF to Mcore, TP", to: Options{To: Mcore, TP: 2}},
		{name: "HF to Mcore, PP", to: Options{To: Mcore, PP: 4}},
		{name: "HF to Mcore, NLL", to: Options{To: Mcore, TP: 2, PP: 3, NumLayerList: "1,2,1"}},
		{name: "HF to Mcore, VPP", to: Options{To: Mcore, PP: 2, NumLayersPerVirtualStage: 1}},
		{name: "HF to Mcore, EP", to: Options{To: Mcore, TP: 2, PP: 2, EP: 2}, experts: true},
		{name: "HF to Mcore, EP and VPP, grouped", to: Options{To: Mcore, PP: 2, EP: 4, NumLayersPerVirtualStage: 1, MoEGroupedGEMM: true}, experts: true},
		{name: "HF to Mcore, noop layers", to: Options{To: Mcore, PP: 2, NoopLayers: "0,5"}},

		{name: "Legacy to HF", source: legacy, to: Options{To: HF}},
		{name: "Legacy to HF, from NLL", source: listed(Legacy), to: Options{To: HF}},
		{name: "Legacy to HF, from VPP", source: chunked(Legacy), to: Options{To: HF}},
		{name: "Legacy to Mcore, TP and PP", source: legacy, to: Options{To: Mcore, TP: 2, PP: 4}},
		{name: "Legacy to Mcore, NLL", source: chunked(Legacy), to: Options{To: Mcore, TP: 4, PP: 3, NumLayerList: "1,2,1"}},
		{name: "Legacy to Mcore, VPP", source: listed(Legacy), to: Options{To: Mcore, TP: 4, PP: 2, NumLayersPerVirtualStage: 1}},
		{name: "Legacy to Legacy, TP and PP", source: legacy, to: Options{To: Legacy, TP: 2, PP: 4}},
		{name: "Legacy to Legacy, VPP to NLL", source: chunked(Legacy), to: Options{To: Legacy, PP: 2, NumLayerList: "1,3"}},

		{name: "Mcore to HF", source: mcore, to: Options{To: HF}},
		{name: "Mcore to HF, from NLL", source: listed(Mcore), to: Options{To: HF}},
		{name: "Mcore to HF, from VPP", source: chunked(Mcore), to: Options{To: HF}},
		{name: "Mcore to HF, from EP", source: spread, to: Options{To: HF}, experts: true},
		{name: "Mcore to HF, from noop layers", source: noop, to: Options{To: HF}},
		{name: "Mcore to Legacy, TP and PP", source: mcore, to: Options{To: Legacy, TP: 2, PP: 4}},
		{name: "Mcore to Legacy, NLL", source: chunked(Mcore), to: Options{To: Legacy, PP: 2, NumLayerList: "1,3"}},
		{name: "Mcore to Legacy, VPP", source: listed(Mcore), to: Options{To: Legacy, PP: 2, NumLayersPerVirtualStage: 1}},
		{name: "Mcore to Mcore, TP and PP", source: mcore, to: Options{To: Mcore, TP: 2, PP: 4}},
		{name: "Mcore to Mcore, EP", source: spread, to: Options{To: Mcore, PP: 2, EP: 2}, experts: true},
		{name: "Mcore to Mcore, EP to grouped", source: spread, to: Options{To: Mcore, TP: 2, EP: 2, MoEGroupedGEMM: true}, experts: true},
		{name: "Mcore to Mcore, NLL", source: chunked(Mcore), to: Options{To: Mcore, PP: 2, NumLayerList: "1,3"}},
		{name: "Mcore to Mcore, VPP", source: listed(Mcore), to: Options{To: Mcore, PP: 2, NumLayersPerVirtualStage: 1}},
		{name: "Mcore to Mcore, other noop layers", source: noop, to: Options{To: Mcore, PP: 2, NoopLayers: "2,3"}},
	} {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			hf := fourLayers().hf(t, 3)
			if d.experts {
				hf = mixture(t)
			}
			dir, from := quickDir(t), hf
			if d.source.To != "" {
				d.source.From, d.source.Out = hf, filepath.Join(dir, "source")
				mustRun(t, d.source)
				from = d.source.Out
			}
			d.to.From, d.to.Out, d.to.Verify = from, filepath.Join(dir, "out"), true
			mustRun(t, d.to)
			laidOut(t, d.to)
			sameModel(t, hf, d.to.Out)
			back := filepath.Join(dir, "back")
			mustRun(t, Options{From: d.to.Out, Out: back, To: HF})
			equalHF(t, hf, back)
		})
	}
}

// laidOut wants the result of a conversion to be read as what was asked for.
func laidOut(t *testing.T, opt Options) {
	t.Helper()
	src, meta, err := OpenCanonical(opt.Out, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	src.Close()
	list, err := ParseNumLayerList(opt.NumLayerList)
	if err != nil {
		t.Fatal(err)
	}
	noop, err := ParseNoopLayers(opt.NoopLayers)
	if err != nil {
		t.Fatal(err)
	}
	want := Layout{TP: opt.TP, PP: opt.PP, EP: opt.EP, NumLayersPerVirtualStage: opt.NumLayersPerVirtualStage, NumLayerList: list, NoopLayers: noop}.filled()
	if d := cmp.Diff(want, meta.Layout); d != "" || meta.Format != opt.To {
		t.Errorf("written as %s, want %s; layout: -want +have\n%s", meta.Format, opt.To, d)
	}
}

// sameModel wants two directories to hold the same canonical tensors, LoRA weights of neither left apart.
func sameModel(t *testing.T, want, have string) {
	t.Helper()
	c, err := Compare(context.Background(), want, have, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Equal || c.Names != "canonical" {
		t.Errorf("%s and %s: %s names, largest difference %g, only there %v, only here %v", want, have, c.Names, c.MaxAbs, c.OnlyA, c.OnlyB)
	}
}

// TestLoRAWeightsGoEveryWay takes one adapter, as a PEFT folder, as a Legacy and as an Mcore checkpoint, with a base model
// of each format. Merged, and exported and then merged, the model is always the same.
func TestLoRAWeightsGoEveryWay(t *testing.T) {
	t.Parallel()
	m := fourLayers()
	dir := quickDir(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	hf, folder := m.hf(t, 1), m.peft(t, 2, 3, 7, nil, "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
	bases := map[Format]string{HF: hf, Legacy: at("legacy"), Mcore: at("mcore")}
	mustRun(t, Options{From: hf, Out: bases[Legacy], To: Legacy, TP: 4, PP: 2})
	mustRun(t, Options{From: hf, Out: bases[Mcore], To: Mcore, TP: 2, PP: 2, NumLayersPerVirtualStage: 1})
	want := at("want")
	rep := mustRun(t, Options{From: hf, LoRA: folder, Out: want, To: HF})
	if rep.Merged == nil {
		t.Fatal("nothing was merged")
	}
	if c, err := Compare(t.Context(), hf, want, OpenOptions{}); err != nil || c.Equal {
		t.Fatalf("the adapter changes nothing: %v", err)
	}
	adapters := map[string]string{"PEFT": folder, "Legacy": at("lora-legacy"), "Mcore": at("lora-mcore")}
	mustRun(t, Options{From: hf, LoRA: folder, Out: adapters["Legacy"], To: Legacy, Adapters: AdaptersOnly, TP: 2, PP: 2})
	mustRun(t, Options{From: hf, LoRA: folder, Out: adapters["Mcore"], To: Mcore, Adapters: AdaptersKeep, TP: 4, PP: 2})
	n := 0
	for kind, base := range bases {
		for form, lora := range adapters {
			for _, to := range []Options{
				{To: HF}, {To: Legacy, TP: 2, PP: 2}, {To: Mcore, TP: 2, PP: 2, NumLayerList: "1,3"},
				{To: Mcore, TP: 2, PP: 2, NumLayersPerVirtualStage: 1, Adapters: AdaptersKeep},
				{To: HF, Adapters: AdaptersOnly}, {To: Legacy, TP: 4, PP: 2, Adapters: AdaptersOnly}, {To: Legacy, PP: 2, NumLayersPerVirtualStage: 1, Adapters: AdaptersOnly},
			} {
				n++
				out := at(fmt.Sprint("out", n))
				t.Run(fmt.Sprintf("%s with %s to %s, %s%d", kind, form, to.To, to.Adapters, to.NumLayersPerVirtualStage), func(t *testing.T) {
					t.Parallel()
					to.From, to.LoRA, to.Out = base, lora, out
					mustRun(t, to)
					have := out
					if to.Adapters == AdaptersOnly {
						have = filepath.Join(quickDir(t), "merged")
						mustRun(t, Options{From: hf, LoRA: out, Out: have, To: HF})
					}
					sameModel(t, want, have)
				})
			}
		}
	}
}

// TestTheSettingsOfAnAdapterAreHeldAgainstItsWeights is the reference's command line: targets, r and alpha are given.
func TestTheSettingsOfAnAdapterAreHeldAgainstItsWeights(t *testing.T) {
	t.Parallel()
	m := fourLayers()
	dir := quickDir(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	hf := m.hf(t, 1)
	mustRun(t, Options{From: hf, Out: at("base"), To: Legacy, TP: 2, PP: 2})
	mustRun(t, Options{From: hf, LoRA: m.peft(t, 2, 4, 8, nil, "o_proj", "down_proj"), Out: at("lora"), To: Legacy, Adapters: AdaptersOnly, TP: 2, PP: 2})
	both := []string{"dense", "dense_4h_to_h"}
	right := Options{From: at("base"), LoRA: at("lora"), To: HF, LoRAR: 4, LoRAAlpha: 8, LoRATargetModules: both}
	right.Out = at("out")
	if rep := mustRun(t, right); rep.Merged == nil || rep.Merged.R != 4 || rep.Merged.Alpha != 8 || cmp.Diff(both, rep.Merged.Targets) != "" {
		t.Errorf("merged %+v", rep.Merged)
	}
	right.Out, right.LoRAAlpha = at("stronger"), 16
	mustRun(t, right)
	if c, err := Compare(t.Context(), at("out"), at("stronger"), OpenOptions{}); err != nil || c.Equal {
		t.Errorf("lora_alpha changes nothing: %v", err)
	}
	for name, c := range map[string]struct {
		change func(o *Options)
		want   string
	}{
		"another r":        {func(o *Options) { o.LoRAR = 8 }, "lora_r is 8, the LoRA weights have r 4"},
		"another module":   {func(o *Options) { o.LoRATargetModules = []string{"dense", "dense_h_to_4h"} }, "dense_h_to_4h"},
		"a module of none": {func(o *Options) { o.LoRATargetModules = []string{"q_proj"} }, `lora_target_modules names "q_proj", which family llama2 does not have`},
		"mcore alone":      {func(o *Options) { o.To, o.Adapters = Mcore, AdaptersOnly }, "Megatron-Core's LoRA checkpoints hold the model too"},
		"legacy kept":      {func(o *Options) { o.To, o.Adapters = Legacy, AdaptersKeep }, "legacy checkpoints hold no adapters beside weights"},
	} {
		o := right
		c.change(&o)
		o.Out = filepath.Join(t.TempDir(), "out")
		if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestTypesPaddingAndPipelinesInEveryDirection goes through what all directions share.
func TestTypesPaddingAndPipelinesInEveryDirection(t *testing.T) {
	t.Parallel()
	dir := quickDir(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	hf := fourLayers().hf(t, 1)
	sources := map[Format]string{HF: hf, Legacy: at("legacy"), Mcore: at("mcore")}
	for _, f := range []Format{Legacy, Mcore} {
		rep := mustRun(t, Options{From: hf, Out: sources[f], To: f, TP: 2, PP: 2, MakeVocabSizeDivisibleBy: 8})
		if rep.PaddedVocab != 48 || rep.Vocab != 37 {
			t.Errorf("%s: %d rows for a vocabulary of %d, want 48 for 37", f, rep.PaddedVocab, rep.Vocab)
		}
	}
	for from, source := range sources {
		for _, to := range []Format{HF, Legacy, Mcore} {
			t.Run(fmt.Sprintf("%s to %s", from, to), func(t *testing.T) {
				t.Parallel()
				dir := quickDir(t)
				at := func(name string) string { return filepath.Join(dir, name) }
				for name, want := range map[string]string{"fp32": "F32", "fp16": "F16", "bf16": "BF16"} {
					rep := mustRun(t, Options{From: source, Out: at(name), To: to, DType: name, Verify: true})
					if rep.DType != want || rep.SourceDType != "BF16" {
						t.Errorf("%s: written as %s of %s", name, rep.DType, rep.SourceDType)
					}
					if from != HF && to == HF && !strings.Contains(strings.Join(rep.Notes, "\n"), "11 rows of vocabulary padding were cut") {
						t.Errorf("notes %v", rep.Notes)
					}
				}
				mustRun(t, Options{From: at("fp32"), Out: at("back"), To: HF, DType: "bf16"}) // fp32 holds every bf16
				equalHF(t, hf, at("back"))
				c, err := Compare(t.Context(), source, at("fp16"), OpenOptions{})
				if err != nil || c.Equal || c.MaxAbs > 0.001 || c.MaxRel == 0 {
					t.Errorf("fp16: largest difference %g and %g, %v", c.MaxAbs, c.MaxRel, err)
				}
				if to == HF {
					return
				}
				_, err = Run(t.Context(), Options{From: source, Out: at("uneven"), To: to, PP: 3})
				if err == nil || !strings.Contains(err.Error(), `pp 3 does not divide the 4 layers: give the stages with num_layer_list, for example "2,1,1"`) {
					t.Errorf("uneven stages: %v", err)
				}
			})
		}
	}
}
