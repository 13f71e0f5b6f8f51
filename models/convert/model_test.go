package convert

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
	"github.com/belay-ml/belay/models/hfconfig"
)

// shapeOfModel are the sizes of a random test model.
type shapeOfModel struct {
	layers, hidden, ffn, heads, groups, vocab int
	tied, bias                                bool
	dtype                                     dtype.DType
}

func fourLayers() shapeOfModel {
	return shapeOfModel{layers: 4, hidden: 16, ffn: 24, heads: 8, groups: 4, vocab: 37, dtype: dtype.BF16}
}

func (m shapeOfModel) config() map[string]any {
	arch, kind := "LlamaForCausalLM", "llama"
	if m.bias {
		arch, kind = "Qwen2ForCausalLM", "qwen2"
	}
	return map[string]any{
		"architectures": []string{arch}, "model_type": kind, "num_hidden_layers": m.layers, "hidden_size": m.hidden,
		"intermediate_size": m.ffn, "num_attention_heads": m.heads, "num_key_value_heads": m.groups, "vocab_size": m.vocab,
		"max_position_embeddings": 64, "rms_norm_eps": 1e-6, "rope_theta": 12345.0, "hidden_act": "silu",
		"tie_word_embeddings": m.tied, "torch_dtype": configDType(m.dtype), "bos_token_id": 1, "eos_token_id": 2, "x_custom": "kept",
	}
}

// canonical makes random canonical tensors: finite numbers, some subnormal, of the model's type.
func (m shapeOfModel) canonical(t testing.TB, seed uint64) (*ckpt.Memory, hfconfig.Config) {
	t.Helper()
	text, err := json.Marshal(m.config())
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := hfconfig.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	reg, err := Families("")
	if err != nil {
		t.Fatal(err)
	}
	f, err := reg.Recognise(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Family = f.Name
	rng := rand.New(rand.NewPCG(seed, 1))
	mem := ckpt.NewMemory()
	for _, s := range newModel(f, cfg, false).slots() {
		if s.Optional && m.tied {
			continue
		}
		info := ckpt.Info{Name: s.name, DType: m.dtype, Shape: s.shape}
		data := make([]byte, info.Size())
		for i := range info.Len() {
			store(data[i*m.dtype.Size():], m.dtype, float32(rng.NormFloat64()*0.05))
		}
		if err := mem.Put(info, data); err != nil {
			t.Fatal(err)
		}
	}
	return mem, cfg
}

// hf writes the model as a Hugging Face directory by names spelled here, not by the rules under test.
func (m shapeOfModel) hf(t testing.TB, seed uint64) string {
	t.Helper()
	mem, _ := m.canonical(t, seed)
	names := map[string]string{"embed.weight": "model.embed_tokens.weight", "norm.weight": "model.norm.weight", "head.weight": "lm_head.weight"}
	for l := range m.layers {
		for from, to := range map[string]string{
			"attn_norm": "input_layernorm", "attn.q": "self_attn.q_proj", "attn.k": "self_attn.k_proj", "attn.v": "self_attn.v_proj",
			"attn.o": "self_attn.o_proj", "mlp_norm": "post_attention_layernorm", "mlp.gate": "mlp.gate_proj", "mlp.up": "mlp.up_proj",
			"mlp.down": "mlp.down_proj",
		} {
			for _, leaf := range []string{"weight", "bias"} {
				names[fmt.Sprintf("layers.%d.%s.%s", l, from, leaf)] = fmt.Sprintf("model.layers.%d.%s.%s", l, to, leaf)
			}
		}
	}
	out := ckpt.NewMemory()
	for _, i := range mem.List() {
		b, _ := mem.Bytes(i.Name)
		i.Name = names[i.Name]
		if err := out.Put(i, b); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	if err := safetensors.Write(filepath.Join(dir, safetensors.SingleName), out, nil); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(m.config())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func mustRun(t testing.TB, opt Options) Report {
	t.Helper()
	rep, err := Run(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}
