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
	has := map[string]bool{}
	for _, i := range src.List() {
		has[i.Name] = true
	}
	d := mainType(src)
	scalar, err := torchpt.ScalarGlobal(d)
	if err != nil {
		return a, err
	}
	outBias, mlpBias := has["layers.0.attn.o.bias"], has["layers.0.mlp.down.bias"]
	groups := 1 // the reference's spelling of "no groups"
	if cfg.NumKVHeads != cfg.NumHeads {
		groups = cfg.NumKVHeads
	}
	var window any
	if opt.Compat != RC3 {
		window = orNone(cfg.SlidingWindow)
	}
	vpp := 0
	if l.NumLayersPerVirtualStage > 0 {
		vpp = l.vpp(cfg.NumLayers)
	}
	var list any
	if l.NumLayerList != nil {
		list = l.listText()
	}
	for _, kv := range []struct {
		name string
		v    any
	}{
		{"num_layers", cfg.NumLayers}, {"encoder_num_layers", cfg.NumLayers}, {"hidden_size", cfg.Hidden}, {"ffn_hidden_size", cfg.FFN},
		{"num_attention_heads", cfg.NumHeads}, {"kv_channels", cfg.HeadDim},
		{"group_query_attention", cfg.NumKVHeads != cfg.NumHeads}, {"num_query_groups", groups},
		{"seq_length", cfg.MaxPositions}, {"encoder_seq_length", cfg.MaxPositions}, {"max_position_embeddings", cfg.MaxPositions},
		{"vocab_size", cfg.Vocab}, {"padded_vocab_size", rows}, {"make_vocab_size_divisible_by", max(opt.MakeVocabSizeDivisibleBy, 1)},
		{"norm_epsilon", cfg.NormEps}, {"rotary_base", rotaryBase(cfg, opt.Compat)},
		{"add_bias_linear", mlpBias}, {"add_qkv_bias", has["layers.0.attn.q.bias"] && !(outBias && mlpBias)},
		{"add_dense_bias", outBias && !mlpBias}, {"skip_bias_add", !outBias},
		{"post_norm", false}, {"embed_layernorm", false}, {"apply_layernorm_1p", false}, {"apply_query_key_layer_scaling", false},
		{"untie_embeddings_and_output_weights", !cfg.TieEmbeddings},
		{"sliding_window", window},
		{"params_dtype", scalar}, {"bf16", d == dtype.BF16}, {"fp16", d == dtype.F16},
		{"tensor_model_parallel_size", l.TP}, {"pipeline_model_parallel_size", l.PP}, {"transformer_pipeline_model_parallel_size", l.PP},
		{"expert_model_parallel_size", l.EP}, {"context_parallel_size", 1}, {"data_parallel_size", 1}, {"world_size", l.TP * l.PP},
		{"virtual_pipeline_model_parallel_size", orNone(vpp)}, {"num_layers_per_virtual_pipeline_stage", orNone(l.NumLayersPerVirtualStage)},
		{"num_layer_list", list}, {"sequence_parallel", false}, {"num_experts", nil}, {"multi_head_latent_attention", false},
		{"use_mcore_models", opt.To == Mcore}, {"micro_batch_size", 1}, {"global_batch_size", 1024}, {"finetune", true},
		{"consumed_train_samples", 0}, {"consumed_valid_samples", 0},
	} {
		a.Set(kv.name, kv.v)
	}
	for _, m := range []map[string]any{f.Args, opt.Args} {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			v, err := argValue(m[name])
			if err != nil {
				return a, fmt.Errorf("argument %s: %w", name, err)
			}
			a.Set(name, v)
		}
	}
	if opt.Compat != RC3 {
		text, err := configText(cfg)
		if err != nil {
			return a, err
		}
		a.Set(configKey, text)
	}
	return a, nil
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
