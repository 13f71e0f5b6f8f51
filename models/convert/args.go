package convert

import (
	"fmt"
	"maps"
	"slices"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/megatron"
	"github.com/belay-ml/belay/models/ckpt/torchpt"
	"github.com/belay-ml/belay/models/family"
	"github.com/belay-ml/belay/models/hfconfig"
)

// orNone is a positive number or Python's None.
func orNone(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

// buildArgs makes the arguments that Megatron's readers look for, as the reference converter writes
// them. Without Compat it says more: the rotary base, the sliding window, and the whole config.
func buildArgs(src ckpt.Source, cfg hfconfig.Config, f *family.Family, rows int, opt WriteOptions) (megatron.Args, error) {
	l, a := opt.Layout, megatron.NewArgs()
	d := mainType(src)
	scalar, err := torchpt.ScalarGlobal(d)
	if err != nil {
		return a, err
	}
	rc3 := opt.Compat == RC3
	groups := 1 // the reference's spelling of "no groups"
	if cfg.NumKVHeads != cfg.NumHeads {
		groups = max(cfg.NumKVHeads, l.TP) // more ranks than groups repeat them
	}
	channels := cfg.HeadDim
	if cfg.MLA.KVLoRA > 0 { // whose heads have sizes of their own
		channels = cfg.Hidden / cfg.NumHeads
	}
	positions := "rope"
	if !rc3 && cfg.Positions != "" {
		positions = map[string]string{"alibi": "alibi", "learned": "learned_absolute"}[cfg.Positions]
	}
	total := l.total(cfg)
	var window any
	if !rc3 {
		window = orNone(cfg.SlidingWindow)
	}
	vpp := 0
	if l.NumLayersPerVirtualStage > 0 {
		vpp = l.vpp(total)
	}
	var list any
	if l.NumLayerList != nil {
		list = l.listText()
	}
	for _, kv := range []struct {
		name string
		v    any
	}{
		{"num_layers", total}, {"encoder_num_layers", total}, {"hidden_size", cfg.Hidden}, {"ffn_hidden_size", cfg.FFN},
		{"num_attention_heads", cfg.NumHeads}, {"kv_channels", channels},
		{"group_query_attention", cfg.NumKVHeads != cfg.NumHeads}, {"num_query_groups", groups},
		{"seq_length", cfg.MaxPositions}, {"encoder_seq_length", cfg.MaxPositions}, {"max_position_embeddings", cfg.MaxPositions},
		{"normalization", map[bool]string{true: "LayerNorm", false: "RMSNorm"}[cfg.LayerNorm]}, {"swiglu", !cfg.Ungated},
		{"position_embedding_type", positions}, {"add_position_embedding", true}, {"use_rotary_position_embeddings", positions == "rope"},
		{"vocab_size", cfg.Vocab}, {"padded_vocab_size", rows}, {"make_vocab_size_divisible_by", max(opt.MakeVocabSizeDivisibleBy, 1)},
		{"norm_epsilon", cfg.NormEps}, {"rotary_base", rotaryBase(cfg, opt.Compat)},
		{"add_bias_linear", cfg.MLPBias}, {"add_qkv_bias", cfg.QKVBias},
		{"add_dense_bias", cfg.OutBias}, {"skip_bias_add", !cfg.OutBias},
		{"post_norm", cfg.PostNorms}, {"embed_layernorm", cfg.EmbedNorm}, {"apply_layernorm_1p", false}, {"apply_query_key_layer_scaling", false},
		{"untie_embeddings_and_output_weights", !cfg.TieEmbeddings},
		{"sliding_window", window},
		{"params_dtype", scalar}, {"bf16", d == dtype.BF16}, {"fp16", d == dtype.F16},
		{"tensor_model_parallel_size", l.TP}, {"pipeline_model_parallel_size", l.PP}, {"transformer_pipeline_model_parallel_size", l.PP},
		{"expert_model_parallel_size", l.EP}, {"context_parallel_size", 1}, {"data_parallel_size", 1}, {"world_size", l.TP * l.PP},
		{"virtual_pipeline_model_parallel_size", orNone(vpp)}, {"num_layers_per_virtual_pipeline_stage", orNone(l.NumLayersPerVirtualStage)},
		{"num_layer_list", list}, {"sequence_parallel", cfg.MoE.Experts > 0 && l.TP > 1}, {"num_experts", orNone(cfg.MoE.Experts)},
		{"multi_head_latent_attention", cfg.MLA.KVLoRA > 0}, {"moe_grouped_gemm", opt.MoEGroupedGEMM},
		{"use_mcore_models", opt.To == Mcore}, {"micro_batch_size", 1}, {"global_batch_size", 1024}, {"finetune", true},
		{"consumed_train_samples", 0}, {"consumed_valid_samples", 0},
	} {
		a.Set(kv.name, kv.v)
	}
	if len(l.NoopLayers) > 0 {
		a.Set("noop_layers", l.noopText())
	}
	setMoE(a, cfg, rc3)
	of := f.Args
	if rc3 {
		of = map[string]any{}
		maps.Copy(of, f.Args)
		maps.Copy(of, f.RC3Args)
	}
	for _, m := range []map[string]any{of, opt.Args} {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			v, err := argValue(m[name])
			if err != nil {
				return a, fmt.Errorf("argument %s: %w", name, err)
			}
			a.Set(name, v)
		}
	}
	if !rc3 {
		text, err := configText(cfg)
		if err != nil {
			return a, err
		}
		a.Set(configKey, text)
	}
	return a, nil
}

// setMoE adds the arguments of experts and of latent attention. The reference leaves to its training
// scripts what a conversion does not need.
func setMoE(a megatron.Args, cfg hfconfig.Config, rc3 bool) {
	if m := cfg.MLA; m.KVLoRA > 0 {
		a.Set("q_lora_rank", orNone(m.QLoRA))
		a.Set("kv_lora_rank", m.KVLoRA)
		a.Set("qk_nope_head_dim", m.NopeDim)
		a.Set("qk_rope_head_dim", m.RopeDim)
		a.Set("v_head_dim", m.VDim)
	}
	m := cfg.MoE
	if m.Experts == 0 {
		return
	}
	if m.Shared > 0 || m.FFN != cfg.FFN {
		a.Set("moe_intermediate_size", m.FFN)
		a.Set("n_shared_experts", orNone(m.Shared))
	}
	if m.FirstDense > 0 || m.Freq > 0 {
		a.Set("first_k_dense_replace", m.FirstDense)
		a.Set("moe_layer_freq", max(m.Freq, 1))
	}
	a.Set("moe_router_topk", m.TopK)
	if m.RouterBias {
		a.Set("moe_router_enable_expert_bias", true)
	}
	if rc3 {
		return
	}
	a.Set("moe_ffn_hidden_size", m.FFN)
	a.Set("norm_topk_prob", m.NormTopK)
	if m.Groups > 0 {
		a.Set("n_group", m.Groups)
		a.Set("topk_group", m.TopKGroups)
	}
	if m.RoutedScale > 0 {
		a.Set("routed_scaling_factor", m.RoutedScale)
	}
}

// rotaryBase is a whole number where it is one, as Megatron's option wants.
func rotaryBase(cfg hfconfig.Config, compat string) any {
	switch {
	case compat == RC3:
		return nil
	case cfg.RopeBase == float64(int64(cfg.RopeBase)):
		return int64(cfg.RopeBase)
	}
	return cfg.RopeBase
}

// argValue turns Go values into those of the file.
func argValue(v any) (any, error) {
	switch x := v.(type) {
	case nil, bool, int, int64, float64, string, torchpt.Global:
		return x, nil
	case float32:
		return float64(x), nil
	case []string:
		l := &torchpt.List{}
		for _, s := range x {
			l.Items = append(l.Items, s)
		}
		return l, nil
	}
	return nil, fmt.Errorf("no form for %T", v)
}
