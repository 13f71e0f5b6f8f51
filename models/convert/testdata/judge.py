"""Tiny models of transformers' own classes, and a judge for what a conversion made of them.

  judge.py make DIR             DIR/NAME: config.json, model.safetensors, logits of fixed ids
  judge.py judge DIR SUFFIX     DIR/NAME+SUFFIX gives the same logits as DIR/NAME, bit for bit
"""
import os
import sys

import torch
import transformers
from transformers import *  # noqa: F403

transformers.logging.set_verbosity_error()
base = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64)
heads = dict(base, num_key_value_heads=4)
latent = dict(kv_lora_rank=8, qk_nope_head_dim=6, qk_rope_head_dim=4, v_head_dim=6, n_routed_experts=4, n_shared_experts=1, num_experts_per_tok=2, moe_intermediate_size=12, first_k_dense_replace=1)
small = dict(vocab_size=64, n_layer=2, n_head=4)
stretched = dict(rope_type="llama3", factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)
models = {
    "llama3.2": ("LlamaForCausalLM", "LlamaConfig", dict(base, rope_scaling=stretched, rope_theta=500000.0, tie_word_embeddings=True)),
    "mistral": ("MistralForCausalLM", "MistralConfig", base),
    "mixtral": ("MixtralForCausalLM", "MixtralConfig", dict(base, num_local_experts=4)),
    "qwen2": ("Qwen2ForCausalLM", "Qwen2Config", base),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Config", dict(base, head_dim=16)),
    "qwen3-moe": ("Qwen3MoeForCausalLM", "Qwen3MoeConfig", dict(base, head_dim=16, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=12)),
    "gemma": ("GemmaForCausalLM", "GemmaConfig", dict(base, head_dim=16)),
    "gemma2": ("Gemma2ForCausalLM", "Gemma2Config", dict(base, head_dim=16)),
    "gemma3": ("Gemma3ForCausalLM", "Gemma3TextConfig", dict(base, head_dim=16, sliding_window=8)),
    "glm4-hf": ("GlmForCausalLM", "GlmConfig", dict(base, head_dim=8, attention_bias=True, pad_token_id=0)),
    "deepseek-v2-lite": ("DeepseekV2ForCausalLM", "DeepseekV2Config", dict(heads, q_lora_rank=None, **latent)),
    "deepseek-v3": ("DeepseekV3ForCausalLM", "DeepseekV3Config", dict(heads, q_lora_rank=12, n_group=2, topk_group=1, **latent)),
    "bloom": ("BloomForCausalLM", "BloomConfig", dict(small, hidden_size=32)),
    "gpt3": ("GPT2LMHeadModel", "GPT2Config", dict(small, n_embd=32, n_positions=64)),
}
torch.manual_seed(1)
ids = torch.randint(3, 60, (2, 11))


def logits(path, name):
    model = globals()[name].from_pretrained(path, dtype=torch.float32).eval()
    with torch.no_grad():
        return model(ids).logits


task, folder = sys.argv[1:3]
for family, (name, config, sizes) in models.items():
    path = os.path.join(folder, family)
    if name not in globals():
        continue
    if task == "make":
        model = globals()[name](globals()[config](**sizes))
        for x in list(model.parameters()) + [b for n, b in model.named_buffers() if "correction" in n]:
            x.data.normal_(0, 0.2)
        model.save_pretrained(path)
    elif not os.path.exists(path + sys.argv[3]):
        print("judge:", family, "was not converted")
    elif not torch.equal(logits(path, name), logits(path + sys.argv[3], name)):
        print("judge:", family, "gives other logits")
