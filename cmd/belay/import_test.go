package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/foreign"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/testdata/goldens"
)

// imported makes a recipe of texts and checks it; nothing is there but what there says. It is nil when the texts
// give none.
func imported(t interface {
	Helper()
	Fatalf(string, ...any)
}, there bool, texts ...string) *foreign.Result {
	t.Helper()
	opt := foreign.Options{Name: "x", Stages: stageList(), Root: "/nowhere", Dir: "/nowhere/recipes", Templates: chat.Names()}
	opt.Exists = func(string) bool { return there }
	var sources []source
	for i, text := range texts {
		f := pos.NewFile(fmt.Sprintf("f%d", i), "/nowhere/f", "/nowhere", text)
		sources = append(sources, source{File: f, kind: recognise([]byte(text))})
	}
	jobs, left, found, err := gather(sources, opt)
	if err != nil || found.HasErrors() || len(jobs) == 0 {
		return nil
	}
	given := 0
	for _, j := range jobs {
		given += len(j.Settings)
	}
	res := foreign.Build(jobs, left, opt)
	check := compile.Options{Stages: stageList(), Dir: "/nowhere", Open: true}
	check.Over = func(string) (string, bool) { return string(res.Text), true }
	check.Exists = func(string) bool { return true }
	if g, l := compile.File("/nowhere/recipes/x.yaml", check); g == nil {
		t.Fatalf("%v\nof %q:\n%s", l, texts, res.Text)
	}
	return res
}

func TestFilesAreRecognisedByTheirContent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want sourceKind
	}{
		{"#!/bin/bash\n", shellSource},
		{"#!/usr/bin/env bash\n", shellSource},
		{"#! /bin/sh -e\n", shellSource},
		{"#!/usr/bin/env python\nprint(1)\n", unknownSource},
		{"python pretrain_gpt.py\n", shellSource},
		{"FORCE=1 llamafactory-cli train a.yaml\n", shellSource},
		{"model_name_or_path: x\n", factorySource},
		{"# x\nbelay: 1\nname: model\n", recipeSource},
		{"", unknownSource},
		{"PK\x03\x04", unknownSource},
	} {
		if got := recognise([]byte(c.text)); got != c.want {
			t.Errorf("%q is kind %d, want %d", c.text, got, c.want)
		}
	}
}

// TestWhateverFlagsAScriptGivesTheRecipeIsRight joins programs with flags of all kinds, also those that do not suit
// them, and values that do not suit the flags.
func TestWhateverFlagsAScriptGivesTheRecipeIsRight(t *testing.T) {
	t.Parallel()
	programs := []string{"preprocess_data.py", "convert_ckpt.py", "convert_ckpt_v2.py", "pretrain_gpt.py", "posttrain_gpt.py", "inference.py", "evaluation.py"}
	flags := []string{
		"load", "save", "load-dir", "save-dir", "data-path", "input", "output-prefix", "task-data-path", "lora-load", "tokenizer-name-or-path", // paths
		"load-model-type", "save-model-type", "use-mcore-models", "save-to-legacy", "params-dtype", "model-type-hf",
		"target-tensor-parallel-size", "tensor-model-parallel-size", "num-layers-per-virtual-pipeline-stage", "make-vocab-size-divisible-by",
		"handler-name", "json-keys", "map-keys", "prompt-type", "seq-length", "pack", "append-eod", "workers", "merge-group-keys", "tokenizer-type",
		"stage", "is-instruction-dataset", "split", "lr", "min-lr", "lr-decay-style", "train-iters", "micro-batch-size", "bf16", "fp16", "seed", "hidden-dropout",
		"num-layers", "hidden-size", "vocab-size", "padded-vocab-size", "add-qkv-bias", "swiglu", "untie-embeddings-and-output-weights", "lora-r", "lora-target-modules",
		"task", "temperature", "top-p", "max-new-tokens", "max-eval-samples", "nonsense", "model", "on-nan", "compat", "template", "x",
	}
	values := []string{
		"", "a", "./w/a", "w/a_text_document", "/abs/b/", "w/mg2hf", "w a", "0.3 w/a 0.7 w/b", "1", "0", "-1", "4096", "1e-4", "nan", "1e400", "99999999999999999999", "true",
		"hf", "mg", "sft", "dpo", "mmlu", "mmlu boolq mmlu", "do_sample", "greedy", "AlpacaStyleInstructionHandler", "default", "deepseek3", "bf16", "cosine", "linear_qkv dense",
		"$X", "$1", "\"$@\"", "'${params.x}'", "'${'", "'$${'", "$(ls)", `'{"prompt": "a", "x": {"y": [1, null]}}'`, `'{"a'`, "'a: #b'", "\"it's\"", "''", "$'\\x01\\n'", "'\u0085\ufeff\u202e'",
	}
	rapid.Check(t, func(t *rapid.T) {
		var scripts []string
		for range rapid.IntRange(1, 3).Draw(t, "scripts") {
			text := "#!/bin/bash\n"
			for range rapid.IntRange(1, 3).Draw(t, "commands") {
				text += "torchrun --nproc_per_node 8 " + rapid.SampledFrom(programs).Draw(t, "program")
				for range rapid.IntRange(0, 12).Draw(t, "flags") {
					text += " --" + rapid.SampledFrom(flags).Draw(t, "flag") + " " + rapid.SampledFrom(values).Draw(t, "value")
				}
				text += "\n"
			}
			scripts = append(scripts, text)
		}
		imported(t, rapid.Bool().Draw(t, "there"), scripts...)
	})
}

// TestEveryFlagEndsInTheRecipeOrIsLeft gives each program flags with marks for values, and looks for the marks.
func TestEveryFlagEndsInTheRecipeOrIsLeft(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.SampledFrom(strings.Fields("load-dir input seq-length lr train-iters split handler-name prompt-type task-data-path "+
			"temperature eval-iters num-layers use-flash-attn nonsense lora-r data-path tokenizer-type params-dtype seed micro-batch-size")), 1, 12, rapid.ID).Draw(t, "flags")
		text := "python " + rapid.SampledFrom([]string{"preprocess_data.py", "convert_ckpt.py", "pretrain_gpt.py", "posttrain_gpt.py", "inference.py"}).Draw(t, "program")
		for i, n := range names {
			text += fmt.Sprintf(" --%s 7%d7", n, i)
		}
		res := imported(t, false, text)
		if res == nil {
			t.Fatalf("no recipe of %s", text)
		}
		for i, n := range names {
			if mark := fmt.Sprintf("7%d7", i); !strings.Contains(string(res.Text), mark) {
				t.Fatalf("--%s %s is nowhere in the recipe of %s:\n%s", n, mark, text, res.Text)
			}
		}
	})
}

// TestAPathThatWouldCloseACircleIsAParameter has stages that read what they write, by themselves and in a ring.
func TestAPathThatWouldCloseACircleIsAParameter(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"python pretrain_gpt.py --load c --save c --data-path d\n",
		"python convert_ckpt.py --load-dir a --save-dir b\npython convert_ckpt.py --load-dir b --save-dir a\n",
		"python convert_ckpt.py --load-dir a --save-dir b\npython convert_ckpt.py --load-dir b --save-dir c\npython convert_ckpt.py --load-dir c --save-dir a\n",
	} {
		res := imported(t, false, text)
		if res == nil || strings.Count(string(res.Text), "type: path") == 0 {
			t.Errorf("want a parameter for a path in the recipe of\n%s", text)
		}
	}
}

// FuzzImport: whatever is imported gives a recipe that belay itself finds right.
func FuzzImport(f *testing.F) {
	for _, name := range []string{"importscripts.txtar", "importfactory.txtar", "importmistakes.txtar"} {
		text, err := os.ReadFile(filepath.Join(goldens.Root(f), "testdata", "script", name))
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range txtar.Parse(text).Files {
			f.Add(string(file.Data), true)
		}
	}
	f.Fuzz(func(t *testing.T, text string, there bool) { imported(t, there, text) })
}
