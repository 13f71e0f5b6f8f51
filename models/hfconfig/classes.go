package hfconfig

import "math"

// classes lists what Parse accepts.
func classes() []class {
	list := []class{
		{archs: []string{"LlamaForCausalLM", "LLaMAForCausalLM", "YiForCausalLM"}, modelType: "llama", normEps: 1e-6, maxPositions: 2048, bias: "attention_bias", mlpBias: "mlp_bias"},
		{archs: []string{"MistralForCausalLM"}, modelType: "mistral", normEps: 1e-6, maxPositions: 4096 * 32, kvHeads: 8, window: windowAlways},
		{archs: []string{"Qwen2ForCausalLM"}, modelType: "qwen2", normEps: 1e-6, maxPositions: 32768, kvHeads: 32, qkvBias: true, window: windowSwitch},
		{archs: []string{"AquilaForCausalLM", "AquilaModel"}, modelType: "aquila", normEps: 1e-6, maxPositions: 2048, bias: "attention_bias", mlpBias: "mlp_bias"},
		{archs: []string{"InternLMForCausalLM"}, modelType: "internlm", normEps: 1e-6, maxPositions: 2048, bias: "bias"},
		{archs: []string{"InternLM2ForCausalLM"}, modelType: "internlm2", normEps: 1e-6, maxPositions: 2048, bias: "bias"},
	}
	return append(append(list, remote()...), native()...)
}

// remote are the classes whose code comes with the checkpoint.
func remote() []class {
	chatglm := map[string][]string{
		"num_hidden_layers": {"num_layers"}, "intermediate_size": {"ffn_hidden_size"}, "num_key_value_heads": {"multi_query_group_num"},
		"head_dim": {"kv_channels"}, "vocab_size": {"padded_vocab_size"}, "max_position_embeddings": {"seq_length"}, "rms_norm_eps": {"layernorm_epsilon"},
	}
	return []class{
		{
			archs: []string{"BaichuanForCausalLM", "BaiChuanForCausalLM"}, modelType: "baichuan", normEps: 1e-6, maxPositions: 4096,
			keys:   map[string][]string{"max_position_embeddings": {"max_position_embeddings", "model_max_length"}},
			finish: baichuan,
		},
		{
			archs: []string{"ChatGLMModel", "ChatGLMForConditionalGeneration"}, modelType: "chatglm", normEps: 1e-5, maxPositions: 2048, keys: chatglm,
			bias: "add_qkv_bias", qkvOnly: true, mlpBias: "add_bias_linear", actKey: "-", ratio: true, finish: chatGLM,
			block: "rotary positions on interleaved pairs of half a head",
		},
		{
			archs: []string{"QWenLMHeadModel"}, modelType: "qwen", normEps: 1e-6, maxPositions: 8192, qkvBias: true, halved: true, actKey: "-",
			keys: map[string][]string{
				"rms_norm_eps": {"layer_norm_epsilon"}, "head_dim": {"kv_channels"}, "rope_theta": {"rotary_emb_base"},
				"max_position_embeddings": {"max_position_embeddings", "seq_length"},
			},
			block: "positions stretched by logarithms past seq_length",
		},
		{
			archs: []string{"MiniCPMForCausalLM", "MiniCPMMoEForCausalLM"}, modelType: "minicpm", normEps: 1e-6, maxPositions: 2048, bias: "attention_bias", tied: true,
			more: []extra{
				{"scale_emb", 0.0, func(c *Config) any { return &c.EmbedScale }},
				{"num_experts", 0, func(c *Config) any { return &c.MoE.Experts }},
				{"num_experts_per_tok", 2, func(c *Config) any { return &c.MoE.TopK }},
			},
			finish: miniCPM, block: "scaled branches",
		},
		{
			archs: []string{"Grok1ModelForCausalLM"}, modelType: "grok-1", normEps: 1e-5, maxPositions: 8192, act: "gelu_tanh", actKey: "-", tied: true,
			more: []extra{
				{"embedding_multiplier_scale", 0.0, func(c *Config) any { return &c.EmbedScale }},
				{"output_multiplier_scale", 0.0, func(c *Config) any { return &c.LogitScale }},
				{"attn_output_multiplier", 0.0, func(c *Config) any { return &c.QueryScale }},
				{"max_attn_value", 30.0, func(c *Config) any { return &c.AttnSoftcap }},
				{"num_experts", 8, func(c *Config) any { return &c.MoE.Experts }},
				{"num_experts_per_tok", 2, func(c *Config) any { return &c.MoE.TopK }},
			},
			finish: func(_ *fields, c *Config) { c.PostNorms, c.MoE.FFN = true, c.FFN }, block: "experts and four norms",
		},
		{
			archs: []string{"GPTModel"}, modelType: "megatron-gpt", normEps: 1e-5, maxPositions: 2048, wide: 4, act: "gelu_erf", actKey: "activation",
			mlpBias: "add_bias_linear", tied: true, put: putMegatronGPT,
			keys: map[string][]string{
				"num_hidden_layers": {"num_layers"}, "intermediate_size": {"ffn_hidden_size"}, "num_key_value_heads": {"num_query_groups"},
				"head_dim": {"kv_channels"}, "rope_theta": {"rotary_base"}, "rms_norm_eps": {"norm_epsilon"},
				"tie_word_embeddings": {"untie_embeddings_and_output_weights"},
			},
			more: []extra{
				{"num_experts", 0, func(c *Config) any { return &c.MoE.Experts }},
				{"moe_router_topk", 2, func(c *Config) any { return &c.MoE.TopK }},
			},
			finish: megatronGPT, block: "LayerNorm and an MLP without gate",
		},
	}
}

// native are the classes beyond llama's that transformers holds.
func native() []class {
	experts := func(key string, def int) extra {
		return extra{key, def, func(c *Config) any { return &c.MoE.Experts }}
	}
	topK := func(def int) extra {
		return extra{"num_experts_per_tok", def, func(c *Config) any { return &c.MoE.TopK }}
	}
	expertFFN := func(def int) extra {
		return extra{"moe_intermediate_size", def, func(c *Config) any { return &c.MoE.FFN }}
	}
	normTopK := func(def bool) extra {
		return extra{"norm_topk_prob", def, func(c *Config) any { return &c.MoE.NormTopK }}
	}
	softcaps := func(attn, logits float64) []extra {
		return []extra{
			{"query_pre_attn_scalar", 256.0, func(c *Config) any { return &c.QueryScalar }},
			{"attn_logit_softcapping", attn, func(c *Config) any { return &c.AttnSoftcap }},
			{"final_logit_softcapping", logits, func(c *Config) any { return &c.LogitSoftcap }},
		}
	}
	deepseek := []extra{
		{"q_lora_rank", 0, func(c *Config) any { return &c.MLA.QLoRA }},
		{"kv_lora_rank", 512, func(c *Config) any { return &c.MLA.KVLoRA }},
		{"qk_nope_head_dim", 128, func(c *Config) any { return &c.MLA.NopeDim }},
		{"qk_rope_head_dim", 64, func(c *Config) any { return &c.MLA.RopeDim }},
		{"v_head_dim", 128, func(c *Config) any { return &c.MLA.VDim }},
		experts("n_routed_experts", 0), topK(1), expertFFN(1407), normTopK(false),
		{"n_shared_experts", 0, func(c *Config) any { return &c.MoE.Shared }},
		{"first_k_dense_replace", 0, func(c *Config) any { return &c.MoE.FirstDense }},
		{"moe_layer_freq", 1, func(c *Config) any { return &c.MoE.Freq }},
		{"n_group", 0, func(c *Config) any { return &c.MoE.Groups }},
		{"topk_group", 0, func(c *Config) any { return &c.MoE.TopKGroups }},
		{"routed_scaling_factor", 1.0, func(c *Config) any { return &c.MoE.RoutedScale }},
		{"scoring_func", "softmax", func(c *Config) any { return &c.MoE.Scoring }},
	}
	return []class{
		{
			archs: []string{"MixtralForCausalLM"}, modelType: "mixtral", normEps: 1e-5, maxPositions: 4096 * 32, kvHeads: 8, window: windowAlways,
			more:   []extra{experts("num_local_experts", 8), topK(2)},
			finish: func(_ *fields, c *Config) { c.MoE.FFN, c.MoE.NormTopK = c.FFN, true }, block: "experts",
		},
		{
			archs: []string{"Qwen3ForCausalLM"}, modelType: "qwen3", normEps: 1e-6, maxPositions: 32768, kvHeads: 32, headDim: 128,
			bias: "attention_bias", window: windowSwitch,
			finish: func(_ *fields, c *Config) { c.QKNorm = true }, block: "norms on q and k",
		},
		{
			archs: []string{"Qwen3MoeForCausalLM"}, modelType: "qwen3_moe", normEps: 1e-6, maxPositions: 32768, kvHeads: 4,
			bias: "attention_bias", window: windowSwitch,
			more: []extra{experts("num_experts", 128), topK(8), expertFFN(768), normTopK(false)},
			finish: func(f *fields, c *Config) {
				c.QKNorm = true
				if f.whole("decoder_sparse_step", 1) != 1 || len(f.list("mlp_only_layers")) > 0 {
					f.fail("decoder_sparse_step", "1 and no mlp_only_layers: belay expects experts in every layer", f.raw["decoder_sparse_step"])
				}
			},
			block: "experts",
		},
		{archs: []string{"DeepseekV2ForCausalLM"}, modelType: "deepseek_v2", normEps: 1e-6, maxPositions: 2048, more: deepseek, finish: deepSeek, block: "latent attention and experts"},
		{archs: []string{"DeepseekV3ForCausalLM"}, modelType: "deepseek_v3", normEps: 1e-6, maxPositions: 4096, more: deepseek, finish: deepSeek, block: "latent attention and experts"},
		{
			archs: []string{"GemmaForCausalLM"}, modelType: "gemma", normEps: 1e-6, maxPositions: 8192, headDim: 256, tied: true,
			bias: "attention_bias", act: "gelu_tanh", actKey: "hidden_activation", finish: gemmaBlock, block: "norms of 1 + weight and a scaled embedding",
		},
		{
			archs: []string{"Gemma2ForCausalLM"}, modelType: "gemma2", normEps: 1e-6, maxPositions: 8192, headDim: 256, kvHeads: 4, tied: true,
			bias: "attention_bias", act: "gelu_tanh", actKey: "hidden_activation", window: windowEven, more: softcaps(50, 30), finish: gemma2, block: "four norms and soft caps",
		},
		{
			archs: []string{"Gemma3ForCausalLM"}, modelType: "gemma3_text", normEps: 1e-6, maxPositions: 131072, headDim: 256, kvHeads: 4, tied: true,
			bias: "attention_bias", act: "gelu_tanh", actKey: "hidden_activation", window: windowSixth,
			more: append(softcaps(0, 0), extra{"rope_local_base_freq", 10000.0, func(c *Config) any { return &c.LocalRopeBase }}),
			finish: func(f *fields, c *Config) {
				gemma2(f, c)
				c.QKNorm = true
				if local, ok := f.object("rope_parameters")["sliding_attention"].(map[string]any); ok {
					in := &fields{raw: local, at: "rope_parameters.sliding_attention."}
					c.LocalRopeBase = in.float("rope_theta", c.LocalRopeBase)
					f.errs = append(f.errs, in.errs...)
				}
			},
			block: "four norms and norms on q and k",
		},
		{
			archs: []string{"GlmForCausalLM"}, modelType: "glm", normEps: 1.5625e-07, maxPositions: 131072, kvHeads: 2, headDim: 128, part: 0.5,
			bias: "attention_bias", qkvOnly: true, finish: func(_ *fields, c *Config) { c.RopeInterleaved = true },
			block: "rotary positions on interleaved pairs of half a head",
		},
		{
			archs: []string{"BloomForCausalLM", "BloomModel"}, modelType: "bloom", normEps: 1e-5, maxPositions: 2048, wide: 4, tied: true, allBias: true,
			keys: map[string][]string{
				"num_hidden_layers": {"n_layer", "num_hidden_layers"}, "num_attention_heads": {"n_head", "num_attention_heads"},
				"hidden_size": {"hidden_size", "n_embed"}, "intermediate_size": {"n_inner"}, "rms_norm_eps": {"layer_norm_epsilon"},
				"max_position_embeddings": {"seq_length"},
			},
			act: "gelu_tanh", actKey: "-",
			finish: func(_ *fields, c *Config) {
				c.LayerNorm, c.Ungated, c.EmbedNorm, c.Positions = true, true, true, "alibi"
			},
			block: "LayerNorm, ALiBi positions and an MLP without gate",
		},
		{
			archs: []string{"GPT2LMHeadModel"}, modelType: "gpt2", normEps: 1e-5, maxPositions: 1024, wide: 4, tied: true, allBias: true,
			keys: map[string][]string{
				"num_hidden_layers": {"n_layer"}, "num_attention_heads": {"n_head"}, "hidden_size": {"n_embd"}, "intermediate_size": {"n_inner"},
				"rms_norm_eps": {"layer_norm_epsilon"}, "max_position_embeddings": {"n_positions"},
			},
			act: "gelu_tanh", actKey: "activation_function",
			finish: func(_ *fields, c *Config) { c.LayerNorm, c.Ungated, c.Positions = true, true, "learned" },
			block:  "LayerNorm, learned positions and an MLP without gate",
		},
	}
}

// baichuan tells the sizes and generations apart that share one model_type: the 13B models have no
// max_position_embeddings and ALiBi, the second generation has a larger vocabulary and a normalised head.
func baichuan(f *fields, c *Config) {
	if !f.has("max_position_embeddings") {
		c.Positions = "alibi"
	}
	_, z := f.raw["z_loss_weight"]
	c.NormHead = z || c.Vocab == 125696
}

func chatGLM(f *fields, c *Config) {
	c.RopeInterleaved, c.RotaryPart = true, 0.5
	if c.MLPBias { // every linear has one
		c.QKVBias, c.OutBias = true, true
	}
	if !f.flag("multi_query_attention", true) {
		c.NumKVHeads = c.NumHeads
	}
}

func miniCPM(f *fields, c *Config) {
	if depth := f.float("scale_depth", 1); depth != 1 && c.NumLayers > 0 {
		c.BranchScale = depth / math.Sqrt(float64(c.NumLayers))
	}
	if base := f.whole("dim_model_base", 0); base > 0 && c.Hidden > 0 {
		c.LogitScale = float64(base) / float64(c.Hidden)
	}
	if c.MoE.Experts == 0 {
		c.MoE = MoE{}
		return
	}
	c.MoE.FFN, c.MoE.NormTopK = c.FFN, true
}

func deepSeek(f *fields, c *Config) {
	c.HeadDim, c.NumKVHeads, c.RopeInterleaved = c.MLA.NopeDim+c.MLA.RopeDim, c.NumHeads, true
	if c.MLA.KVLoRA < 1 {
		f.fail("kv_lora_rank", "a positive whole number", f.raw["kv_lora_rank"])
	}
	if c.MoE.Experts == 0 {
		c.MoE = MoE{}
		return
	}
	c.MoE.RouterBias = c.ModelType == "deepseek_v3" || f.text("topk_method") == "noaux_tc"
}

func gemmaBlock(_ *fields, c *Config) {
	c.NormOffset, c.EmbedScale = true, math.Sqrt(float64(c.Hidden))
}

func gemma2(f *fields, c *Config) {
	gemmaBlock(f, c)
	c.PostNorms = true
	if !(c.QueryScalar > 0) {
		f.fail("query_pre_attn_scalar", "a positive number", f.raw["query_pre_attn_scalar"])
	}
}

// megatronGPT reads the flags of Megatron's own models.
func megatronGPT(f *fields, c *Config) {
	c.LayerNorm = f.text("normalization") != "RMSNorm"
	c.Ungated = !f.flag("swiglu", false)
	c.QKVBias, c.OutBias = c.MLPBias || f.flag("add_qkv_bias", false), c.MLPBias || f.flag("add_dense_bias", false)
	switch kind := f.text("position_embedding_type"); kind {
	case "learned_absolute", "":
		c.Positions = "learned"
	case "alibi":
		c.Positions = kind
	case "rope":
	default:
		f.fail("position_embedding_type", "learned_absolute, rope or alibi", kind)
	}
	if c.MoE.Experts == 0 {
		c.MoE = MoE{}
		return
	}
	c.MoE.FFN = c.FFN
}

// putMegatronGPT writes what megatronGPT reads.
func putMegatronGPT(c Config, raw map[string]any) {
	raw["normalization"] = map[bool]string{true: "LayerNorm", false: "RMSNorm"}[c.LayerNorm]
	raw["position_embedding_type"] = map[string]string{"": "rope", "learned": "learned_absolute", "alibi": "alibi"}[c.Positions]
	for key, on := range map[string]bool{"swiglu": !c.Ungated, "add_qkv_bias": c.QKVBias && !c.MLPBias, "add_dense_bias": c.OutBias && !c.MLPBias} {
		if on {
			raw[key] = true
		}
	}
}
