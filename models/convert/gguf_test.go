package convert

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ml/belay/testdata/python"
)

// gguf-py writes a model as llama.cpp's converter does (q and k turned for neighbours); belay gives back transformers'
// weights, and reads the quantised twin as transformers itself does.
func TestGGUFFilesAreReadAsTransformersReadsThem(t *testing.T) {
	t.Parallel()
	py := python.With(t, "torch", "transformers", "gguf")
	dir := t.TempDir()
	python.Run(t, py, `
import sys, numpy as np, torch, transformers as t, gguf
from gguf import GGMLQuantizationType as Q
d = sys.argv[1]
torch.manual_seed(1)
H, L, N, K = 256, 2, 4, 2
m = t.LlamaForCausalLM(t.LlamaConfig(vocab_size=96, hidden_size=H, intermediate_size=512, num_hidden_layers=L, num_attention_heads=N, num_key_value_heads=K, max_position_embeddings=64, rms_norm_eps=1e-5, rope_theta=20000.0))
m.save_pretrained(d + "/hf")
M = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate",
     "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
T = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}
for name, kind in (("f32", Q.F32), ("q8", Q.Q8_0)):
    w = gguf.GGUFWriter(f"{d}/{name}.gguf", "llama")
    w.add_context_length(64); w.add_embedding_length(H); w.add_block_count(L); w.add_feed_forward_length(512); w.add_head_count(N); w.add_head_count_kv(K)
    w.add_layer_norm_rms_eps(1e-5); w.add_rope_dimension_count(H // N); w.add_rope_freq_base(20000.0); w.add_vocab_size(96)
    w.add_tokenizer_model("llama"); w.add_token_list([("t%d" % i).encode() for i in range(96)]); w.add_token_scores([0.0] * 96); w.add_token_types([1] * 96)
    w.add_bos_token_id(1); w.add_eos_token_id(2); w.add_unk_token_id(0)
    for k, v in m.state_dict().items():
        v = v.float().numpy()
        if k in T: n = T[k]
        else:
            _, _, i, rest = k.split(".", 3); rest = rest[:-len(".weight")]
            n = f"blk.{i}.{M[rest]}.weight"
            if rest.endswith(("q_proj", "k_proj")):
                h = N if rest.endswith("q_proj") else K
                v = v.reshape(h, 2, v.shape[0] // h // 2, v.shape[1]).swapaxes(1, 2).reshape(v.shape)
        if v.ndim == 1: w.add_tensor(n, v)
        else: w.add_tensor(n, gguf.quants.quantize(np.ascontiguousarray(v), kind), raw_dtype=kind)
    w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
torch.save(t.LlamaForCausalLM.from_pretrained(d, gguf_file="q8.gguf", torch_dtype=torch.float32).eval()(torch.arange(3, 35)[None]).logits, d + "/q8.pt")`, dir)
	same := mustRun(t, Options{From: filepath.Join(dir, "f32.gguf"), Out: filepath.Join(dir, "f32"), To: HF, Verify: true})
	if same.Family != "llama2" || same.From != GGUF {
		t.Errorf("family %s, from %s", same.Family, same.From)
	}
	c, err := Compare(t.Context(), filepath.Join(dir, "hf"), filepath.Join(dir, "f32"), OpenOptions{})
	if err != nil || !c.Equal {
		t.Errorf("differs from the original: %+v, %v", c, err)
	}
	mustRun(t, Options{From: filepath.Join(dir, "q8.gguf"), Out: filepath.Join(dir, "ranks"), To: Mcore, TP: 2})
	mustRun(t, Options{From: filepath.Join(dir, "ranks"), Out: filepath.Join(dir, "q8"), To: HF})
	out := python.Run(t, py, `
import sys, torch, transformers as t
d = sys.argv[1]
have, want = t.LlamaForCausalLM.from_pretrained(d + "/q8").eval()(torch.arange(3, 35)[None]).logits, torch.load(d + "/q8.pt")
if not torch.equal(have, want): print("off by", (have - want).abs().max().item())`, dir)
	if strings.TrimSpace(out) != "" {
		t.Error(out)
	}
}
