package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/param"
)

// Every parameter of every stage can be given as a flag, by all its names, or has the name of a flag of the command.
func TestEveryParameterIsAFlag(t *testing.T) {
	t.Parallel()
	root := newRoot(&app{})
	n := 0
	for _, s := range stageList() {
		c, _, err := root.Find([]string{"stage", s.Describe().Name})
		if err != nil {
			t.Fatal(err)
		}
		schema, err := param.Of(s.Describe().Params)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range schema.Fields {
			for _, name := range append([]string{f.Name}, f.Aliases...) {
				flag := c.Flags().Lookup(strings.ReplaceAll(name, "_", "-"))
				switch {
				case flag != nil && slices.Contains(flag.Annotations[ofParameter], f.Name):
					n++
				case flag == nil && !slices.Contains(commandFlags(), name):
					t.Errorf("stage %s: %s is no flag", c.Name(), name)
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d flags", n)
	}
}

// Whatever stands on a line, it is a person's mistake or it runs: belay itself does not fail.
func TestNoLineOfAStageFailsInside(t *testing.T) {
	t.Parallel()
	words := []string{
		"--load-dir", "--save-dir", "--out", "--from", "--to", "hf", "mg", "mcore", "--use-mcore-models", "--save-model-type", "--load-model-type", "nowhere", "--tp",
		"--tp=2", "2", "--with", "tp=2", "--w-pack", "True", "--lora-target-modules", "a", "--params-dtype", "fp64", "--output-prefix", "d/e", "--input", "--json-keys",
		"--handler-name", "LlamaFactoryInstructionHandler", "--map-keys", `{"tags": 1}`, "--pack", "--", "-", "--=", "--verify", "--cpus", "--json", "--", "--saver", "--moe-grouped-gemm", "",
	}
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{"convert", "preprocess", "pretrain"}).Draw(t, "kind")
		line := rapid.SliceOfN(rapid.SampledFrom(words), 0, 12).Draw(t, "line")
		for i, w := range line { // results, if any, go to no place of the repository
			if w == "--out" || w == "--save-dir" || w == "--output-prefix" {
				line[i] = w + "=" + filepath.Join("/dev/null", "x")
			}
		}
		if _, msg, code := command("", append([]string{"stage", kind}, line...)...); code == fault.Internal {
			t.Errorf("%q: %s", line, msg)
		}
	})
}
