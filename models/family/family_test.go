package family

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/belay-ml/belay/models/hfconfig"
	"github.com/belay-ml/belay/testdata/goldens"
)

// known are the transforms that the built-in files use.
func known() []string { return []string{"stack", "interleave_qkv", "transpose", "rope_pairs"} }

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
		if f.Doc == "" || f.RopeBase == 0 || f.Mcore == nil || f.Legacy == nil || len(f.Args) == 0 || f.Tokenizer == "" || f.ChatTemplate == "" || len(f.Block) == 0 {
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
		{"llama3.2", with(func(c *hfconfig.Config) {
			c.RopeBase, c.RopeScaling = 5e5, &hfconfig.RopeScaling{Kind: "llama3", Factor: 32}
		})},
		{"qwen1.5", with(func(c *hfconfig.Config) { c.Arch = "Qwen2ForCausalLM" })},
		{"qwen1.5", with(func(c *hfconfig.Config) { c.Arch, c.NumKVHeads, c.FFN = "Qwen2ForCausalLM", 2, 49152 })},
		{"qwen2.5", with(func(c *hfconfig.Config) { c.Arch, c.NumKVHeads, c.FFN = "Qwen2ForCausalLM", 2, 27648 })},
		{"baichuan", with(func(c *hfconfig.Config) { c.Arch = "BaichuanForCausalLM" })},
		{"baichuan2", with(func(c *hfconfig.Config) { c.Arch, c.NormHead = "BaichuanForCausalLM", true })},
		{"chatglm3", with(func(c *hfconfig.Config) { c.Arch = "ChatGLMModel" })},
		{"glm4", with(func(c *hfconfig.Config) { c.Arch, c.NormEps = "ChatGLMModel", 1.5625e-07 })},
		{"deepseek-v2", with(func(c *hfconfig.Config) { c.Arch, c.MLA.QLoRA = "DeepseekV2ForCausalLM", 8 })},
		{"deepseek-v2-lite", with(func(c *hfconfig.Config) { c.Arch = "DeepseekV2ForCausalLM" })},
		{"minicpm", with(func(c *hfconfig.Config) { c.Arch = "MiniCPMForCausalLM" })},
		{"minicpm-moe", with(func(c *hfconfig.Config) { c.Arch, c.MoE.Experts = "MiniCPMForCausalLM", 4 })},
		{"megatron-gpt", with(func(c *hfconfig.Config) { c.Arch = "GPTModel" })},
		{"gpt4", with(func(c *hfconfig.Config) { c.Arch, c.MoE.Experts = "GPTModel", 4 })},
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
	if _, err := r.Recognise(hfconfig.Config{Arch: "XLNetLMHeadModel"}); err == nil || !strings.Contains(err.Error(), "--family-dir") {
		t.Errorf("error %v", err)
	}
}

func TestMistakesInAFamilyFileAreNamed(t *testing.T) {
	t.Parallel()
	head := "family: x\nlike: llama\n"
	tests := []struct{ name, text, want string }{
		{"an empty file", "", "file is empty"},
		{"no name", "doc: x\n", "no `family:` name"},
		{"an unknown key", head + "qkv: true\n", `x.yaml:3:1: unknown key "qkv": known are family`},
		{"an unknown base", "family: x\nlike: lama\n", "no such family"},
		{"itself as base", "family: x\nlike: x\n", "leads back to itself"},
		{"an unknown field", head + "match: {where: {rope: [1]}}\n", `x.yaml:3:17: unknown config field "rope"`},
		{"an unknown transform", head + "hf: {rules: [{name: a, from: [embed.weight], by: [shuffle]}]}\n", `unknown transform "shuffle": known are stack`},
		{"an unknown tensor", head + "hf: {rules: [{name: a, from: [embed]}]}\n", `unknown canonical tensor "embed"`},
		{"a tensor that no rule stores", head + "hf: {rules: [{name: a, from: [embed.weight]}]}\n", `hf: no rule stores canonical tensor "norm.weight"`},
		{"a tensor stored twice", head + "hf: {rules: [{name: a, from: [embed.weight]}, {name: b, from: [embed.weight]}]}\n", "stored by two rules"},
		{"parts without a transform", head + "hf: {rules: [{name: a, from: [embed.weight, head.weight]}]}\n", "need a transform"},
		{"a layer on one side", head + "hf: {rules: [{name: a, from: [\"layers.{l}.attn.q.weight\"]}]}\n", "must both be of a layer"},
		{"an unknown size", head + "canonical: [{name: a, shape: [rows]}]\n", `unknown size "rows"`},
		{"an unknown split", head + "canonical: [{name: a, shape: [hidden], split: both}]\n", `split "both" is neither rows nor columns`},
		{"columns of a vector", head + "canonical: [{name: a, shape: [hidden], split: columns}]\n", "has no columns to split"},
		{"a wrong type", head + "hf: {rules: [{name: a, from: b}]}\n", "x.yaml:3:30: want a list"},
		{"a missing key", head + "hf: {rules: [{from: [b]}]}\n", "x.yaml:3:14: no `name:`"},
		{"a key twice", head + "like: qwen2\n", `x.yaml:3:1: key "like" twice`},
		{"an unknown feature", head + "block: {gate: always}\n", `x.yaml:3:9: unknown feature "gate"`},
		{"a feature that is neither", head + "block: {gated: sometimes}\n", `x.yaml:3:16: "sometimes" is neither always nor maybe`},
		{"a rule for an unknown feature", head + "mcore: {rules: [{name: a, from: [embed.weight], at: first, if: [gate]}]}\n", `x.yaml:3:17: family x: mcore rule "a": unknown feature "gate"`},
		{"experts without a placeholder", head + "hf: {rules: [{name: \"layers.{l}.w\", from: [\"layers.{l}.experts.{e}.up.weight\"]}]}\n", "`experts:` must say how"},
		{"an alias of another family", head + "aliases: [deepseek2]\n", `alias "deepseek2" is also one of family`},
		{"an alias node", "a: &x 1\nb: *x\n", `unknown key "a"`},
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
		if x, err := parse("x.yaml", text); err == nil {
			_ = x.check(known())
		}
	})
}

// goldenFamilies are the families of the golden model folders whose name is not that of the family.
var goldenFamilies = map[string]string{
	"baichuan_7b": "baichuan", "baichuan_13b": "baichuan", "baichuan2_7b": "baichuan2", "baichuan2_13b": "baichuan2", "codeqwen15": "qwen2",
	"deepseek_v2": "deepseek-v2", "deepseek_v2_lite": "deepseek-v2-lite", "glm4_chatglm": "glm4", "glm4_hf": "glm4-hf", "gpt3_mcore": "megatron-gpt",
	"gpt4_moe_mcore": "gpt4", "llama31": "llama3.1", "minicpm_moe": "minicpm-moe", "mistral_v02": "mistral", "qwen15": "qwen1.5",
}

func TestGoldenModelsAreRecognised(t *testing.T) {
	t.Parallel()
	r, err := Load("", known())
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := filepath.Glob(filepath.Join(goldens.Dir(t, "models"), "*", "config.json"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no models: %v", err)
	}
	for _, path := range dirs {
		dir := filepath.Dir(path)
		cfg, err := hfconfig.Load(dir)
		if err != nil {
			t.Error(err)
			continue
		}
		want := goldenFamilies[filepath.Base(dir)]
		if want == "" {
			want = filepath.Base(dir)
		}
		f, err := r.Recognise(cfg)
		if err != nil || f.Name != want {
			t.Errorf("%s is %v (%v), want %s", dir, f.Name, err, want)
			continue
		}
		if err := f.Contradicts(cfg); err != nil {
			t.Error(err)
		}
	}
}

func TestAContradictionNamesTheFields(t *testing.T) {
	t.Parallel()
	r, err := Load("", known())
	if err != nil {
		t.Fatal(err)
	}
	f, err := r.Named("qwen2")
	if err != nil {
		t.Fatal(err)
	}
	cfg := hfconfig.Config{Arch: "LlamaForCausalLM", ModelType: "llama", MoE: hfconfig.MoE{Experts: 4}}
	want := "config of LlamaForCausalLM (llama) contradicts family qwen2: the family has biases on q, k and v (qkv_bias), the config says it does not; the family has no experts, the config says it does"
	if err := f.Contradicts(cfg); err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
}

// row is a row of the model table.
type row struct {
	Row          int      `json:"row"`
	Model        string   `json:"model"`
	Params       string   `json:"params"`
	Sequence     string   `json:"sequence"`
	Backend      string   `json:"backend"`
	Cluster      string   `json:"cluster"`
	Performance  *float64 `json:"performance"`
	Performance2 *float64 `json:"performance2"`
	Reference    *float64 `json:"reference"`
	Hub          string   `json:"hub_id"`
	Architecture struct {
		Layers int  `json:"num_layers"`
		Hidden int  `json:"hidden_size"`
		FFN    int  `json:"ffn_hidden_size"`
		Heads  int  `json:"num_attention_heads"`
		Groups int  `json:"kv_groups"`
		Tied   bool `json:"tied_embeddings"`
		MoE    *struct {
			Experts int `json:"num_experts"`
			TopK    int `json:"topk"`
		} `json:"moe"`
	} `json:"architecture"`
}

func TestEveryRowOfTheModelTableIsASize(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(goldens.Root(t), "..", "shared", "specs", "launch", "models.json"))
	if err != nil {
		t.Skip("no model table")
	}
	var table struct{ Rows []row }
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	r, err := Load("", known())
	if err != nil {
		t.Fatal(err)
	}
	type found struct {
		family string
		size   Size
		run    Run
	}
	rows := map[int]found{}
	for _, name := range r.Names() {
		f, _ := r.Named(name)
		for _, s := range f.Sizes {
			for _, run := range s.Runs {
				if _, twice := rows[run.Row]; twice {
					t.Errorf("row %d twice", run.Row)
				}
				rows[run.Row] = found{name, s, run}
			}
		}
	}
	figure := func(p *float64) float64 {
		if p == nil {
			return 0
		}
		return *p
	}
	for _, w := range table.Rows {
		have, ok := rows[w.Row]
		if !ok {
			t.Errorf("row %d (%s %s) is in no family", w.Row, w.Model, w.Params)
			continue
		}
		if name := strings.ToLower(w.Model); have.family != name && !(name == "minicpm" && have.family == "minicpm-moe") {
			t.Errorf("row %d of %s is in family %s", w.Row, w.Model, have.family)
		}
		a, s := w.Architecture, have.size
		want := Size{Name: w.Params, Hub: w.Hub, Layers: a.Layers, Hidden: a.Hidden, FFN: a.FFN, Heads: a.Heads, Groups: a.Groups, Tied: a.Tied}
		if a.MoE != nil {
			want.Experts, want.TopK = a.MoE.Experts, a.MoE.TopK
		}
		got := Size{Name: s.Name, Hub: s.Hub, Layers: s.Layers, Hidden: s.Hidden, FFN: s.FFN, Heads: s.Heads, Groups: s.Groups, Tied: s.Tied, Experts: s.Experts, TopK: s.TopK}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("row %d: %s", w.Row, d)
		}
		run := Run{
			Row: w.Row, Sequence: w.Sequence, Cluster: w.Cluster, Backend: w.Backend, Performance: figure(w.Performance), Second: figure(w.Performance2),
			Reference: figure(w.Reference), TP: have.run.TP, PP: have.run.PP, EP: have.run.EP, CP: have.run.CP,
		}
		if d := cmp.Diff(run, have.run); d != "" {
			t.Errorf("row %d: %s", w.Row, d)
		}
	}
	if len(rows) != len(table.Rows) {
		t.Errorf("%d rows in the families, %d in the table", len(rows), len(table.Rows))
	}
}

func TestChatTemplatesExist(t *testing.T) {
	t.Parallel()
	r, err := Load("", known())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range r.Names() {
		f, _ := r.Named(name)
		if f.ChatTemplate == "hf" {
			continue
		}
		if _, err := os.Stat(filepath.Join("..", "chat", "data", f.ChatTemplate+".yaml")); err != nil {
			t.Errorf("%s: chat template: %v", name, err)
		}
	}
}

func TestBuiltInFilesFitTheSchema(t *testing.T) {
	t.Parallel()
	text, err := Schema(known())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(SchemaName, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(SchemaName)
	if err != nil {
		t.Fatal(err)
	}
	valid := func(text []byte) error {
		var v any
		if err := yaml.Unmarshal(text, &v); err != nil {
			return err
		}
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			return err
		}
		return schema.Validate(value)
	}
	paths, err := filepath.Glob(filepath.Join("data", "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := valid(text); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, wrong := range []string{
		"doc: x", "family: x\nblock: {gate: always}", "family: x\nblock: {gated: never}", "family: x\nhf: {rules: [{name: a}]}", "family: x\nlik: y",
		"family: x\nmatch: {where: []}", "family: x\ncanonical: [{name: a, shape: [hidden], split: both}]",
	} {
		if valid([]byte(wrong)) == nil {
			t.Errorf("the schema accepts %q", wrong)
		}
	}
}
