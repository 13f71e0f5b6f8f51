package mindspeed

import (
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/foreign"
)

// group is why flags have no parameter. A name that ends in * is the beginning of names.
type group struct {
	why   string
	names string // separated by spaces, as parameters are spelled
}

// reasons are the flags of the reference that stages have no parameter for. Names that are parameters or aliases of a
// stage never come here.
func reasons() []group {
	return []group{
		{"NPU fusion switch: the backend's kernels decide this here",
			"use_flash_attn use_fused_* no_use_fused_* no_masked_softmax_fusion no_gradient_accumulation_fusion no_bias_gelu_fusion no_bias_swiglu_fusion " +
				"no_bias_dropout_fusion no_rope_fusion use_mc2 use_ascend_mc2 use_ascend_coc coc_* pre_tockens next_tockens sparse_mode shape_order transformer_impl " +
				"jit_compile attention_softmax_in_fp32 masked_softmax_fusion enable_token_rearrange_opt moe_grouped_gemm gemm_gradient_accumulation_fusion"},
		{"a way to save device memory, which changes no result",
			"recompute_* checkpoint_activations swap_attention swap_modules reuse_fp32_param distribute_saved_activations use_distributed_optimizer " +
				"enable_recompute_layers_per_pp_rank output_layer_slice_num use_cpu_initialization empty_unused_memory_level swap_optimizer"},
		{"how work is spread over ranks and overlapped: this version trains on one machine",
			"overlap_* no_overlap_* sequence_parallel context_parallel_* cp_* ulysses_* use_cp_* kv_head_repeat_* expert_model_parallel_size expert_tensor_parallel_size " +
				"num_layers_per_virtual_pipeline_stage num_layer_list distributed_* nccl_* hccl_* local_rank ai_framework ai_franmework enable_high_availability " +
				"enable_optimizer_state_local_copy tp_* tensor_model_parallel_size pipeline_model_parallel_size tp pp use_tp_* schedules_method manual_gc manual_gc_interval"},
		{"no loss balances experts", "moe_*_coeff"},
		{"the checkpoint tells the model's shape",
			"num_layers hidden_size ffn_hidden_size num_attention_heads group_query_attention num_query_groups kv_channels max_position_embeddings vocab_size " +
				"padded_vocab_size make_vocab_size_divisible_by normalization norm_epsilon position_embedding_type use_rotary_position_embeddings rotary_* swiglu " +
				"disable_bias_linear add_qkv_bias add_dense_bias skip_bias_add untie_embeddings_and_output_weights qk_layernorm spec use_mcore_models rope_scaling_* " +
				"rope_theta original_max_position_embeddings low_freq_factor high_freq_factor sliding_window post_norm embed_layernorm add_rmsnorm_offset geglu " +
				"input_embeds_norm scale_* dim_model_base *_softcapping query_pre_attn_scalar square_alibi_mask fill_neg_inf use_glm_rope multi_head_latent_attention " +
				"num_experts expert_interval topk_group n_group routed_scaling_factor seq_aux moe_* n_shared_experts first_k_dense_replace q_lora_rank kv_lora_rank v_head_dim qk_* mla_* norm_topk_prob openai_gelu apply_* " +
				"mtp_* noop_layers init_method_std model_type_hf enable_hf2mg_convert load_model_type save_model_type"},
		{"training computes in fp32, where no loss scale is needed",
			"initial_loss_scale loss_scale min_loss_scale loss_scale_window hysteresis accumulate_allreduce_grads_in_fp32 bf16 fp16 params_dtype"},
		{"a stage begins with the weights alone, and an interrupted one goes on by itself",
			"no_load_optim no_load_rng no_save_optim no_save_rng finetune exit_on_missing_checkpoint use_checkpoint_* override_opt_param_scheduler ckpt_format " +
				"use_dist_ckpt auto_detect_ckpt_format no_use_checkpoint_* load_checkpoint_loosely exit_*"},
		{"belay keeps logs, curves and profiles of a run by itself",
			"log_* tensorboard_* wandb_* profile profile_* timing_* no_log_* dataloader_type no_shared_storage num_workers no_create_attention_mask_in_dataloader"},
		{"nothing is evaluated while a model trains: a stage that uses benchmark does", "eval_interval eval_iters test_mode valid_data_path test_data_path"},
		{"a token index holds ids: training reads no tokenizer and no template",
			"tokenizer_* prompt_type prompt_type_path handler_name vocab_file merge_file tokenizer_model dataset_impl data_impl"},
		{"the stage that trains, or the form of its data, says so already", "is_instruction_dataset stage neat_pack micro_batch_size"},
		{"samples are dealt without padding", "variable_seq_lengths no_pad_to_seq_lengths pad_to_multiple_of padded_samples"},
		{"samples are dealt in Megatron's shuffled order", "no_shuffle"},
		{"results are the same to the last bit anyway", "use_deter_comp npu_deterministic"},
		{"a loss or a gradient that is no number stops a run: on_nan says otherwise", "no_check_for_nan_in_loss_and_grad check_for_nan_in_loss_and_grad"},
		{"training by preferences is not there", "dpo_* pref_ftx ref_model is_pairwise_dataset"},
		{"the optimizer is AdamW", "optimizer adam_* weight_decay_incr_style start_weight_decay end_weight_decay"},
	}
}

// isSwitch says whether a flag is one that takes no value, as far as that is known.
func isSwitch(name string) bool {
	return slices.Contains(strings.Fields("bf16 fp16 pack append_eod finetune swiglu sequence_parallel disable_bias_linear is_instruction_dataset "+
		"no_load_optim no_load_rng no_save_optim no_save_rng overwrite_cache reset_position_ids reset_attention_mask eod_mask_loss "+
		"untie_embeddings_and_output_weights group_query_attention use_mcore_models"), name) ||
		strings.HasPrefix(name, "use_fused_") || strings.HasPrefix(name, "no_") || strings.HasPrefix(name, "overlap_")
}

// reason is why a flag is left, "" when it is in no table. The program's own come first.
func reason(name string, own []group) string {
	for _, g := range slices.Concat(own, reasons()) {
		for _, pattern := range strings.Fields(g.names) {
			head, tail, star := strings.Cut(pattern, "*")
			if name == pattern || star && strings.HasPrefix(name, head) && strings.HasSuffix(name, tail) {
				return g.why
			}
		}
	}
	return ""
}

// dropout leaves the flags of dropout, which there is none of.
func (l *launch) dropout() {
	for _, name := range []string{"attention_dropout", "hidden_dropout", "lora_dropout"} {
		f := l.take(name)
		if f == nil {
			continue
		}
		why := "there is no dropout here"
		if strings.Trim(f.text(), "0.") == "" && f.text() != "" {
			why = "no dropout, which is what belay trains with"
		}
		l.drop(f, why)
	}
}

// precision is the element type that bf16 or fp16 asks for.
func (l *launch) precision(j *foreign.Job) {
	for _, name := range []string{"bf16", "fp16"} {
		if f := l.take(name); f != nil {
			s := f.setting("dtype")
			s.Texts, s.Open, s.Note = []string{name}, "", "of the saved weights"
			j.Settings = append(j.Settings, s)
		}
	}
}
