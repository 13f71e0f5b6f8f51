package llamafactory

import "strings"

// renamed are keys that are parameters by another name.
func renamed() map[string]string {
	return map[string]string{
		"learning_rate": "lr", "lr_scheduler_type": "lr_decay_style", "warmup_ratio": "lr_warmup_fraction", "warmup_steps": "lr_warmup_iters",
		"max_grad_norm": "clip_grad", "adam_epsilon": "adam_eps", "logging_steps": "log_interval", "save_steps": "save_interval",
		"max_steps": "train_iters", "per_device_train_batch_size": "micro_batch_size", "lora_rank": "lora_r", "n_shot": "num_fewshot",
		"default_system": "system", "cutoff_len": "seq_length",
	}
}

// schedules are forms of the decay by another name.
func schedules() map[string]string {
	return map[string]string{"constant_with_warmup": "constant", "inverse_sqrt": "inverse-square-root"}
}

// modules are the projections that Megatron joins, and what they are joined to.
func modules() map[string]string {
	return map[string]string{
		"q_proj": "linear_qkv", "k_proj": "linear_qkv", "v_proj": "linear_qkv", "W_pack": "linear_qkv", "c_attn": "linear_qkv", "query_key_value": "linear_qkv",
		"o_proj": "linear_proj", "gate_proj": "linear_fc1", "up_proj": "linear_fc1", "gate_up_proj": "linear_fc1", "down_proj": "linear_fc2",
	}
}

// reasons are the keys that nothing here corresponds to: why, and their names with spaces between. A name that ends in *
// is the beginning of names.
func reasons() [][2]string {
	return [][2]string{
		{"no code of a model repository is ever run", "trust_remote_code"},
		{"a stage's result is cached by what goes into it, and kept in the store", "overwrite_cache overwrite_output_dir output_dir save_dir tokenized_path cache_dir save_total_limit save_only_model save_strategy resume_from_checkpoint"},
		{"it changes no result", "preprocessing_num_workers preprocessing_batch_size dataloader_* ddp_* plot_loss include_num_input_tokens_seen print_param_status buffer_size low_cpu_mem_usage disable_gradient_checkpointing gradient_checkpointing"},
		{"how work is spread over devices: this version trains on one machine", "deepspeed fsdp fsdp_* ray_* resources_per_worker use_ray placement_strategy local_rank"},
		{"the backend's kernels decide this here", "flash_attn enable_liger_kernel use_unsloth use_unsloth_gc use_kt kt_* upcast_layernorm upcast_lmhead_output infer_backend infer_dtype vllm_* sglang_* use_cache disable_tf32 tf32 use_v1_kernels"},
		{"belay keeps logs and curves of a run by itself", "report_to run_name logging_* use_swanlab swanlab_* project trackio_* log_level"},
		{"nothing is evaluated while a model trains: a stage that uses benchmark does", "eval_* per_device_eval_batch_size do_eval evaluation_strategy predict_with_generate compute_accuracy load_best_model_at_end metric_for_best_model early_stopping_steps do_predict"},
		{"all records of the other shares are taken", "val_max_samples"},
		{"there is no dropout here", "lora_dropout"},
		{"weights are not quantized", "quantization_bit quantization_method quantization_type quantization_device_map double_quantization export_quantization_*"},
		{"the optimizer is AdamW", "optim use_galore galore_* use_badam badam_* use_apollo apollo_* use_adam_mini use_muon lr_scheduler_kwargs optim_args"},
		{"plain low-rank adapters are there", "use_rslora use_dora pissa_* loraplus_* lorap* create_new_adapter additional_target oft_* module_dropout"},
		{"which layers are trained: all of them, or adapters", "freeze_* use_llama_pro pure_bf16 mixture_of_depths"},
		{"padding is never learned, and an end of text is what the template writes", "efficient_eos ignore_pad_token_for_loss"},
		{"texts only", "image_* video_* audio_* media_dir freeze_vision_tower freeze_multi_modal_projector freeze_language_model use_audio_in_video crop_to_patches"},
		{"the sets come one after another, each once: preprocess mixes those that are its sources", "mix_strategy interleave_probs"},
		{"data is always streamed", "streaming"},
		{"the model's positions are those of its config", "rope_scaling shift_attn"},
		{"a hub is read and never written; tokens come from the environment", "hf_hub_token ms_hub_token om_hub_token push_to_hub hub_* export_hub_model_id"},
		{"weights are written as safetensors, a file for each few gigabytes", "export_size export_legacy_format export_device"},
		{"the stage says so already", "do_train finetuning_type stage"},
		{"choices are compared within one budget of tokens: batch_tokens", "batch_size"},
		{"it changes the head of a prompt, which is English", "lang"},
		{"a reasoning model's switch, which no named template has", "enable_thinking reasoning_effort"},
		{"the tokenizer is taken as it is", "use_fast_tokenizer resize_vocab split_special_tokens add_tokens add_special_tokens new_special_tokens_config init_special_tokens"},
	}
}

// reason is why a key is left, "" when it is in no table.
func reason(key string) string {
	for _, r := range reasons() {
		for name := range strings.FieldsSeq(r[1]) {
			head, star := strings.CutSuffix(name, "*")
			if key == name || star && strings.HasPrefix(key, head) {
				return r[0]
			}
		}
	}
	return ""
}
