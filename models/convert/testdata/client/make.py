# Tiny random models of transformers' own classes, with their logits on a fixed text: make.py DIR
# Each becomes DIR/NAME (save_pretrained) and DIR/NAME.pt (logits). Written for transformers 4.57; classes that an older one lacks are left out.
import json, sys, torch, transformers as t
where = sys.argv[1]
base = dict(vocab_size=96, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
            bos_token_id=1, eos_token_id=2, pad_token_id=0, tie_word_embeddings=False)
gemma = base | dict(head_dim=32, tie_word_embeddings=True)
moe = dict(num_experts=4, num_local_experts=4, num_experts_per_tok=2, moe_intermediate_size=48)
mla = base | dict(num_key_value_heads=4, q_lora_rank=32, kv_lora_rank=16, qk_nope_head_dim=16, qk_rope_head_dim=8, v_head_dim=16, n_routed_experts=4, n_shared_experts=1,
                  num_experts_per_tok=2, moe_intermediate_size=48, first_k_dense_replace=1, n_group=2, topk_group=1, topk_method="greedy")
models = {
    "llama": ("Llama", base), "mistral": ("Mistral", base), "qwen2": ("Qwen2", base), "qwen2-tied": ("Qwen2", base | dict(tie_word_embeddings=True)),
    "qwen3": ("Qwen3", base | dict(head_dim=16)), "qwen3-moe": ("Qwen3Moe", base | moe | dict(head_dim=16)), "mixtral": ("Mixtral", base | moe),
    "gemma": ("Gemma", gemma), "gemma2": ("Gemma2", gemma), "gemma3": ("Gemma3", gemma),
    "glm": ("Glm", base | dict(head_dim=16, attention_bias=True)),
    "bloom": ("Bloom", dict(vocab_size=96, hidden_size=64, n_layer=4, n_head=4, bos_token_id=1, eos_token_id=2)),
    "gpt2": ("GPT2", dict(vocab_size=96, n_embd=64, n_layer=4, n_head=4, n_positions=64, bos_token_id=1, eos_token_id=2)),
    "deepseek-v2": ("DeepseekV2", mla), "deepseek-v3": ("DeepseekV3", mla),
    "deepseek-v2-lite": ("DeepseekV2", mla | dict(q_lora_rank=None)),
    "llama3.2": ("Llama", base | dict(tie_word_embeddings=True, rope_theta=500000.0, rope_scaling=dict(
        rope_type="llama3", factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32))),
}
for name, (cls, args) in models.items():
    text = {"Gemma3": "TextConfig"}.get(cls, "Config")
    head = {"GPT2": "LMHeadModel"}.get(cls, "ForCausalLM")
    if not hasattr(t, cls + text) or not hasattr(t, cls + head): continue
    torch.manual_seed(3)
    m = getattr(t, cls + head)(getattr(t, cls + text)(**args)).eval()
    with torch.no_grad():
        for p in m.parameters(): p.normal_(0, 0.2)  # nothing stays zero or one, so that nothing can be mixed up or lost
        ids = torch.arange(3, 35)[None]
        m.save_pretrained(f"{where}/{name}")
        torch.save(m(ids).logits, f"{where}/{name}.pt")
    print(name)
