package convert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
	"github.com/belay-ml/belay/testdata/python"
)

// peft writes a PEFT folder with random adapters for the last parts of modules' names; only those of its first layer
// when short is set.
func (m shapeOfModel) peft(t testing.TB, seed uint64, r int, alpha float64, more map[string]any, modules ...string) string {
	t.Helper()
	kv := m.hidden / m.heads * m.groups
	sizes := map[string][2]int{ // outputs, inputs
		"q_proj": {m.hidden, m.hidden}, "k_proj": {kv, m.hidden}, "v_proj": {kv, m.hidden}, "o_proj": {m.hidden, m.hidden},
		"gate_proj": {m.ffn, m.hidden}, "up_proj": {m.ffn, m.hidden}, "down_proj": {m.hidden, m.ffn},
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	out := ckpt.NewMemory()
	put := func(name string, shape ...int) {
		info := ckpt.Info{Name: name, DType: m.dtype, Shape: shape}
		data := make([]byte, info.Size())
		for i := range info.Len() {
			store(data[i*m.dtype.Size():], m.dtype, float32(rng.NormFloat64()*0.05))
		}
		if err := out.Put(info, data); err != nil {
			t.Fatal(err)
		}
	}
	for l := range m.layers {
		for _, module := range modules {
			block := "self_attn"
			if s := sizes[module]; s[0] == m.ffn || s[1] == m.ffn {
				block = "mlp"
			}
			name := fmt.Sprintf("base_model.model.model.layers.%d.%s.%s", l, block, module)
			put(name+".lora_A.weight", r, sizes[module][1])
			put(name+".lora_B.weight", sizes[module][0], r)
		}
	}
	dir := t.TempDir()
	if err := safetensors.Write(filepath.Join(dir, peftWeights), out, nil); err != nil {
		t.Fatal(err)
	}
	conf := map[string]any{"peft_type": "LORA", "r": r, "lora_alpha": alpha, "target_modules": modules, "bias": "none"}
	for k, v := range more {
		conf[k] = v
	}
	text, err := json.Marshal(conf)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, peftConfigName), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A folder that went through ranks as canonical adapters comes out as it was: joined modules come apart, modules without
// adapters stay without, rank and scale are the old ones.
func TestPEFTFoldersSurviveTheWayThroughRanks(t *testing.T) {
	t.Parallel()
	m := fourLayers()
	for name, modules := range map[string][]string{
		"all":          {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"},
		"q and v":      {"q_proj", "v_proj"},
		"one of joint": {"up_proj"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base, lora := m.hf(t, 1), m.peft(t, 2, 3, 7, nil, modules...)
			ranks, back := filepath.Join(t.TempDir(), "ranks"), filepath.Join(t.TempDir(), "back")
			mustRun(t, Options{From: base, LoRA: lora, Out: ranks, To: Mcore, TP: 2, PP: 2, Adapters: AdaptersKeep, Verify: true})
			mustRun(t, Options{From: ranks, Out: back, To: HF, Template: base, Adapters: AdaptersOnly})
			want, errW := safetensors.Open(filepath.Join(lora, peftWeights))
			have, errH := safetensors.Open(filepath.Join(back, peftWeights))
			if errW != nil || errH != nil {
				t.Fatal(errW, errH)
			}
			defer want.Close()
			defer have.Close()
			equalSources(t, want, have)
			conf, err := readPEFTConfig(back)
			if err != nil || conf.R != 3 || conf.Alpha != 7 {
				t.Errorf("r %d, lora_alpha %g, %v; want 3 and 7", conf.R, conf.Alpha, err)
			}
		})
	}
}

// W + scale B A, worked out here from the folder's own matrices, in float32.
func TestPEFTWeightsAreMergedAsTheirFolderSays(t *testing.T) {
	t.Parallel()
	m := fourLayers()
	m.dtype = dtype.F32
	for name, c := range map[string]struct {
		more  map[string]any
		scale float32
	}{
		"alpha over r":         {nil, 8. / 4},
		"alpha over root of r": {map[string]any{"use_rslora": true}, 8. / 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base, lora := m.hf(t, 1), m.peft(t, 2, 4, 8, c.more, "q_proj", "k_proj", "up_proj", "down_proj")
			out := filepath.Join(t.TempDir(), "out")
			mustRun(t, Options{From: base, LoRA: lora, Out: out, To: HF})
			open := func(path string) *safetensors.File {
				f, err := safetensors.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { f.Close() })
				return f
			}
			before, after, ab := open(filepath.Join(base, safetensors.SingleName)), open(filepath.Join(out, safetensors.SingleName)), open(filepath.Join(lora, peftWeights))
			floats := func(f *safetensors.File, name string) []float32 {
				raw, err := f.Bytes(name)
				if err != nil {
					return nil
				}
				v := make([]float32, len(raw)/4)
				for i := range v {
					v[i] = load(raw[4*i:], dtype.F32)
				}
				return v
			}
			for _, i := range before.List() {
				module := peftPrefix + strings.TrimSuffix(i.Name, ".weight")
				w, have := floats(before, i.Name), floats(after, i.Name)
				a, b := floats(ab, module+".lora_A.weight"), floats(ab, module+".lora_B.weight")
				if a != nil {
					in := i.Shape[1]
					for o := range i.Shape[0] {
						for k := range in {
							sum := float32(0)
							for r := range 4 {
								sum += float32(b[o*4+r] * a[r*in+k])
							}
							w[o*in+k] += c.scale * sum
						}
					}
				}
				for k := range w {
					if w[k] != have[k] {
						t.Fatalf("%s[%d] is %v, want %v", i.Name, k, have[k], w[k])
					}
				}
			}
		})
	}
}

func TestPEFTFoldersThatCannotBeHadAreRefused(t *testing.T) {
	t.Parallel()
	m := fourLayers()
	base := m.hf(t, 1)
	other := m
	other.hidden = 32
	for name, c := range map[string]struct {
		dir  string
		opt  Options
		want string
	}{
		"magnitudes":           {m.peft(t, 1, 2, 2, map[string]any{"use_dora": true}, "q_proj"), Options{}, "use_dora"},
		"another method":       {m.peft(t, 1, 2, 2, map[string]any{"peft_type": "IA3"}, "q_proj"), Options{}, `peft_type is "IA3"`},
		"ranks by module":      {m.peft(t, 1, 2, 2, map[string]any{"rank_pattern": map[string]int{"q_proj": 4}}, "q_proj"), Options{}, "rank_pattern"},
		"trained biases":       {m.peft(t, 1, 2, 2, map[string]any{"bias": "all"}, "q_proj"), Options{}, `bias is "all"`},
		"another rank":         {m.peft(t, 1, 2, 2, map[string]any{"r": 3}, "q_proj"), Options{}, "lora_A [2 16] and lora_B [16 2], want [3 16] and [16 3]"},
		"another model":        {other.peft(t, 1, 2, 2, nil, "q_proj"), Options{}, "want [2 16] and [16 2]"},
		"more layers":          {shapeOfModel{layers: 5, hidden: 16, ffn: 24, heads: 8, groups: 4, dtype: dtype.BF16}.peft(t, 1, 2, 2, nil, "q_proj"), Options{}, "1 adapters belong to no module of family"},
		"a rank by the user":   {m.peft(t, 1, 2, 2, nil, "q_proj"), Options{LoRAR: 8}, "lora_r is 8, the LoRA weights have r 2"},
		"kept in Hugging Face": {m.peft(t, 1, 2, 2, nil, "q_proj"), Options{Adapters: AdaptersKeep}, "hold no adapters beside weights"},
		"alone among ranks":    {m.peft(t, 1, 2, 2, nil, "q_proj"), Options{Adapters: AdaptersOnly, To: Mcore}, "hold the model too: keep the adapters"},
		"an unknown way":       {m.peft(t, 1, 2, 2, nil, "q_proj"), Options{Adapters: "drop"}, `adapters "drop"`},
	} {
		c.opt.From, c.opt.LoRA, c.opt.Out = base, c.dir, filepath.Join(t.TempDir(), "out")
		if c.opt.To == "" {
			c.opt.To = HF
		}
		if _, err := Run(t.Context(), c.opt); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := Run(t.Context(), Options{From: m.peft(t, 1, 2, 2, nil, "q_proj"), Out: filepath.Join(t.TempDir(), "out"), To: HF}); err == nil || !strings.Contains(err.Error(), "give the base model, and this folder as `lora`") {
		t.Errorf("adapters without a model: %v", err)
	}
}

// PEFT itself is the judge: what it trains is merged to the same logits, and it loads what is exported.
func TestPEFTComputesTheSame(t *testing.T) {
	t.Parallel()
	py := python.With(t, "torch", "transformers", "peft")
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	python.Run(t, py, `
import sys, torch, transformers as t, peft
d = sys.argv[1]
torch.manual_seed(1)
m = t.LlamaForCausalLM(t.LlamaConfig(vocab_size=96, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64))
m.save_pretrained(d + "/base")
p = peft.get_peft_model(m, peft.LoraConfig(r=4, lora_alpha=6, target_modules=["q_proj", "v_proj", "gate_proj", "down_proj"]))
for n, w in p.named_parameters():
    if "lora" in n: torch.nn.init.normal_(w, 0, 0.1)
p.save_pretrained(d + "/lora")
torch.save(p.eval()(torch.arange(3, 35)[None]).logits, d + "/logits.pt")`, dir)
	mustRun(t, Options{From: at("base"), LoRA: at("lora"), Out: at("merged"), To: HF})
	mustRun(t, Options{From: at("base"), LoRA: at("lora"), Out: at("ranks"), To: Mcore, TP: 2, PP: 2, Adapters: AdaptersKeep})
	mustRun(t, Options{From: at("ranks"), Out: at("exported"), To: HF, Template: at("base"), Adapters: AdaptersOnly})
	out := python.Run(t, py, `
import sys, torch, transformers as t, peft
d = sys.argv[1]
want, ids = torch.load(d + "/logits.pt"), torch.arange(3, 35)[None]
have = t.LlamaForCausalLM.from_pretrained(d + "/merged").eval()(ids).logits
if not torch.allclose(have, want, atol=1e-5): print("merged: off by", (have - want).abs().max().item())
p = peft.PeftModel.from_pretrained(t.LlamaForCausalLM.from_pretrained(d + "/base"), d + "/exported")
if not torch.equal(p.eval()(ids).logits, want): print("exported: off by", (p(ids).logits - want).abs().max().item())`, dir)
	if len(bytes.TrimSpace([]byte(out))) > 0 {
		t.Error(out)
	}
}

// A configuration that is accepted has a rank and a scale that can be worked with.
func FuzzPEFTConfig(f *testing.F) {
	f.Add([]byte(`{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"], "bias": "none"}`))
	f.Add([]byte(`{"peft_type": "LORA", "r": 1e9, "lora_alpha": 1e999, "target_modules": ".*"}`))
	f.Add([]byte(`{"peft_type": "LORA", "r": 4, "lora_alpha": 1e-320, "use_rslora": true, "rank_pattern": {}}`))
	f.Add([]byte(`{"peft_type": "LORA", "r": -1}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, peftConfigName), text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := readPEFTConfig(dir)
		if err != nil {
			return
		}
		if s := c.scale(); !(s >= 0) || s > math.MaxFloat64 || c.R < 1 || c.Type != "LORA" || c.DoRA {
			t.Errorf("%+v was accepted, its scale is %g", c, s)
		}
		if _, err := openPEFTWeights(dir); err == nil {
			t.Error("weights that are not there were opened")
		}
	})
}
