package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/tok/bytebpe"
	"github.com/belay-ml/belay/models/tok/hfjson"
	"github.com/belay-ml/belay/models/tok/pretok"
)

// The shape of the quickstart's model: about a million parameters.
const (
	vocab   = 1024
	hidden  = 128
	layers  = 4
	heads   = 4
	kvHeads = 2
	ffn     = 384
	window  = 512
)

// spread is the standard deviation of the random weights. It is near 1/sqrt(hidden), wider than the
// usual 0.02, which suits models that are twenty times wider: this one then learns in far fewer steps.
const spread = 0.08

// tokenizer trains a byte-level BPE on the texts.
func tokenizer(dir string, texts []string) error {
	words := pretok.Words(slices.Values(texts), pretok.GPT2())
	special := []string{"<|endoftext|>"}
	v, merges := bytebpe.Train(words, vocab-len(special))
	return hfjson.Write(dir, hfjson.Spec{
		Vocab: v, Merges: merges, Special: special, EOS: special[0], PAD: special[0], MaxLength: window,
	})
}

func config() ([]byte, error) {
	b, err := json.MarshalIndent(map[string]any{
		"architectures":           []string{"LlamaForCausalLM"},
		"model_type":              "llama",
		"hidden_size":             hidden,
		"intermediate_size":       ffn,
		"num_hidden_layers":       layers,
		"num_attention_heads":     heads,
		"num_key_value_heads":     kvHeads,
		"vocab_size":              vocab,
		"max_position_embeddings": window,
		"rms_norm_eps":            1e-5,
		"rope_theta":              10000.0,
		"hidden_act":              "silu",
		"attention_bias":          false,
		"mlp_bias":                false,
		"tie_word_embeddings":     false,
		"torch_dtype":             "bfloat16",
		"bos_token_id":            nil,
		"eos_token_id":            vocab - 1,
		"initializer_range":       spread,
	}, "", "  ")
	return append(b, '\n'), err
}

// weights draws random weights under Hugging Face names, rounded to bfloat16.
func weights() *ckpt.Memory {
	r := &random{state: 1}
	m := ckpt.NewMemory()
	put := func(name string, scale float64, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		data := make([]byte, 0, 2*n)
		for range n {
			x := float32(1)
			if scale > 0 {
				x = float32(r.normal() * scale)
			}
			data = binary.LittleEndian.AppendUint16(data, uint16(math.Float32bits(x)>>16))
		}
		m.Put(ckpt.Info{Name: name, DType: dtype.BF16, Shape: shape}, data)
	}
	put("model.embed_tokens.weight", spread, vocab, hidden)
	const kv = kvHeads * hidden / heads
	out := spread / math.Sqrt(2*layers) // projections into the residual stream, as Megatron scales them
	for l := range layers {
		p := fmt.Sprintf("model.layers.%d.", l)
		put(p+"input_layernorm.weight", 0, hidden)
		put(p+"self_attn.q_proj.weight", spread, hidden, hidden)
		put(p+"self_attn.k_proj.weight", spread, kv, hidden)
		put(p+"self_attn.v_proj.weight", spread, kv, hidden)
		put(p+"self_attn.o_proj.weight", out, hidden, hidden)
		put(p+"post_attention_layernorm.weight", 0, hidden)
		put(p+"mlp.gate_proj.weight", spread, ffn, hidden)
		put(p+"mlp.up_proj.weight", spread, ffn, hidden)
		put(p+"mlp.down_proj.weight", out, hidden, ffn)
	}
	put("model.norm.weight", 0, hidden)
	put("lm_head.weight", spread, vocab, hidden)
	return m
}

// normal draws from the standard normal distribution (Box and Muller 1958).
func (r *random) normal() float64 {
	return math.Sqrt(-2*math.Log(r.unit())) * math.Cos(2*math.Pi*r.unit())
}
