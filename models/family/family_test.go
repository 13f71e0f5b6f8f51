package family

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ml/belay/models/hfconfig"
)

// known are the transforms that the built-in files use.
func known() []string { return []string{"stack", "interleave_qkv"} }

func TestBuiltInFamiliesLoad(t *testing.T) {
	t.Parallel()
	r, err := Load("", known())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range r.Names() {
		f, err := r.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		if f.Doc == "" || f.RopeBase == 0 || f.Mcore == nil || f.Legacy == nil || len(f.Args) == 0 {
			t.Errorf("%s is not complete", name)
		}
	}
}

func TestConfigsAreRecognised(t *testing.T) {
	t.Parallel()
	r, err := Load("", known())
	if err != nil {
		t.Fatal(err)
	}
	llama := hfconfig.Config{Arch: "LlamaForCausalLM", RopeBase: 10000, NormEps: 1e-5, MaxPositions: 4096, NumHeads: 8, NumKVHeads: 8}
	with := func(f func(*hfconfig.Config)) hfconfig.Config { c := llama; f(&c); return c }
	tests := []struct {
		want string
		cfg  hfconfig.Config
	}{
		{"llama2", llama},
		{"llama", with(func(c *hfconfig.Config) { c.NormEps, c.MaxPositions = 1e-6, 2048 })},
		{"llama3", with(func(c *hfconfig.Config) { c.RopeBase = 5e5 })},
		{"llama3.1", with(func(c *hfconfig.Config) { c.RopeBase, c.RopeScaling = 5e5, &hfconfig.RopeScaling{Kind: "llama3"} })},
		{"codellama", with(func(c *hfconfig.Config) { c.RopeBase = 1e6 })},
		{"yi", with(func(c *hfconfig.Config) { c.RopeBase = 5e6 })},
		{"aquila", with(func(c *hfconfig.Config) { c.Arch, c.NormEps = "AquilaForCausalLM", 1e-6 })},
		{"aquila2", with(func(c *hfconfig.Config) { c.Arch = "AquilaForCausalLM" })},
		{"mistral", with(func(c *hfconfig.Config) { c.Arch = "MistralForCausalLM" })},
		{"qwen1.5", with(func(c *hfconfig.Config) { c.Arch = "Qwen2ForCausalLM" })},
		{"qwen2", with(func(c *hfconfig.Config) { c.Arch, c.NumKVHeads = "Qwen2ForCausalLM", 2 })},
		{"codeqwen1.5", with(func(c *hfconfig.Config) { c.Arch, c.NumKVHeads, c.Vocab = "Qwen2ForCausalLM", 2, 92416 })},
		{"qwen2", hfconfig.Config{ModelType: "qwen2", NumHeads: 2, NumKVHeads: 1}},
	}
	for _, tt := range tests {
		f, err := r.Recognise(tt.cfg)
		if err != nil || f.Name != tt.want {
			t.Errorf("%+v is %v (%v), want %s", tt.cfg, f, err, tt.want)
		}
	}
	if _, err := r.Recognise(hfconfig.Config{Arch: "GPT2LMHeadModel"}); err == nil || !strings.Contains(err.Error(), "--family-dir") {
		t.Errorf("error %v", err)
	}
}

func TestMistakesInAFamilyFileAreNamed(t *testing.T) {
	t.Parallel()
	head := "family: x\nlike: llama\n"
	tests := []struct{ name, text, want string }{
		{"an empty file", "", "file is empty"},
		{"no name", "doc: x\n", "no `family:` name"},
		{"an unknown key", head + "qkv: true\n", "line 3: field qkv not found"},
		{"an unknown base", "family: x\nlike: lama\n", "no such family"},
		{"itself as base", "family: x\nlike: x\n", "leads back to itself"},
		{"an unknown field", head + "match: {where: {rope: [1]}}\n", `unknown config field "rope"`},
		{"an unknown transform", head + "hf: {rules: [{name: a, from: [embed.weight], by: [shuffle]}]}\n", `unknown transform "shuffle": known are stack`},
		{"an unknown tensor", head + "hf: {rules: [{name: a, from: [embed]}]}\n", `unknown canonical tensor "embed"`},
		{"a tensor that no rule stores", head + "hf: {rules: [{name: a, from: [embed.weight]}]}\n", `hf: no rule stores canonical tensor "norm.weight"`},
		{"a tensor stored twice", head + "hf: {rules: [{name: a, from: [embed.weight]}, {name: b, from: [embed.weight]}]}\n", "stored by two rules"},
		{"parts without a transform", head + "hf: {rules: [{name: a, from: [embed.weight, head.weight]}]}\n", "need a transform"},
		{"a layer on one side", head + "hf: {rules: [{name: a, from: [\"layers.{l}.attn.q.weight\"]}]}\n", "must both be of a layer"},
		{"an unknown size", head + "canonical: [{name: a, shape: [rows]}]\n", `unknown size "rows"`},
		{"an unknown split", head + "canonical: [{name: a, shape: [hidden], split: both}]\n", `split "both" is neither rows nor columns`},
		{"columns of a vector", head + "canonical: [{name: a, shape: [hidden], split: columns}]\n", "has no columns to split"},
		{"a bad pattern", head + "hf: {ignore: [\"[\"], rules: []}\n", `ignore pattern "["`},
		{"no end of the pipeline", head + "mcore: {rules: [{name: a, from: [embed.weight]}]}\n", "say `at: first` or `at: last`"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "x.yaml"), []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(dir, known())
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), filepath.Join(dir, "x.yaml")) {
				t.Errorf("error %v, want the path and %q", err, tt.want)
			}
		})
	}
	if _, err := Load(t.TempDir(), known()); err == nil {
		t.Error("a directory without families accepted")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("family: x\nlike: llama\n"))
	f.Add([]byte("family: x\ncanonical: [{name: a, shape: [hidden]}]\nhf: {rules: [{name: a, from: [a]}]}\n"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		if x, err := parse(text); err == nil {
			_ = x.check(known())
		}
	})
}
