package mindspeed

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/foreign"
)

// preprocess is preprocess_data.py.
func preprocess(l *launch) []*foreign.Job {
	j := l.job("preprocess", "text")
	style := l.take("handler_name")
	if style != nil {
		j.Settings = append(j.Settings, style.setting("style"))
		if strings.Contains(style.text(), "Instruction") || strings.Contains(style.text(), "Pairwise") || strings.Contains(style.text(), "MOSS") {
			j.Name = "records"
		}
	}
	j.Lift = []string{"seq_length", "template"}
	j.Needs = []string{"input"}
	if style.text() == "LlamaFactoryInstructionHandler" {
		namedSets(l, j)
	} else if f := l.take("input"); f != nil {
		j.Settings = append(j.Settings, f.reads("input", "data"))
	}
	if f := l.take("tokenizer_name_or_path"); f != nil {
		j.Settings = append(j.Settings, f.reads("tokenizer", "tokenizer"))
	}
	if f := l.take("output_prefix"); f != nil {
		s := f.setting("output_prefix")
		if t := f.path(); t != "" {
			s.Texts = []string{path.Base(t)}
			j.Writes = append(j.Writes, foreign.Write{Path: t, Port: "index", Index: true})
		}
		if s.Open == "" {
			j.Settings = append(j.Settings, s)
		} else {
			l.drop(f, "how the files' names begin is not known: they begin with data")
		}
	}
	for _, name := range []string{"vocab_file", "merge_file"} {
		if f := l.take(name); f != nil {
			j.Settings = append(j.Settings, f.reads(name, name))
		}
	}
	if f := l.take("map_keys"); f != nil {
		j.Settings = append(j.Settings, mapKeys(f)...)
	}
	if f := l.take("tokenizer_type"); f != nil {
		if f.text() == "PretrainedFromHF" {
			l.drop(f, "the tokenizer is recognised by its files")
		} else {
			j.Settings = append(j.Settings, f.setting("tokenizer_type"))
		}
	}
	for _, name := range []string{"log_interval", "interval", "cache_dir", "overwrite_cache", "streaming", "dataset_impl", "datasets", "pad_vocab_size_to", "make_vocab_size_divisible_by"} {
		if f := l.take(name); f != nil {
			l.drop(f, "it changes no byte of the result")
		}
	}
	for _, name := range []string{"dataset_dir", "hf_datasets_params"} {
		if f := l.take(name); f != nil {
			l.drop(f, "belay reads files: name them in input or sources")
		}
	}
	l.rest(j, group{"the tokenizer is recognised by its files", "tokenizer_model"})
	return []*foreign.Job{j}
}

// namedSets reads the sets of a dataset_info.json: --input lists their names, --dataset-dir is the folder.
func namedSets(l *launch, j *foreign.Job) {
	if f := l.take("dataset_dir"); f != nil {
		j.Settings = append(j.Settings, f.reads("input", "data"))
	}
	for _, name := range [][2]string{{"input", "dataset"}, {"interleave_probs", "interleave_probs"}} {
		f := l.take(name[0])
		if f == nil {
			continue
		}
		s := f.setting(name[1])
		if s.Open == "" {
			s.Texts = strings.Split(f.text(), ",")
		}
		j.Settings = append(j.Settings, s)
	}
}

// mapKeys are the columns by role, and the words of messages, which stand among them under tags.
func mapKeys(f *flag) []foreign.Setting {
	s := f.setting("map_keys")
	var all map[string]any
	if json.Unmarshal([]byte(f.text()), &all) != nil || all["tags"] == nil {
		return []foreign.Setting{s}
	}
	text := func(v any) []string {
		b, _ := json.Marshal(v) // what was read can be written
		return []string{string(b)}
	}
	tags := s
	tags.Field, tags.Texts = "tags", text(all["tags"])
	delete(all, "tags")
	s.Texts = text(all)
	return []foreign.Setting{s, tags}
}

// convert is convert_ckpt.py.
func convert(l *launch) []*foreign.Job {
	j := l.job("convert", "shards")
	from, to := l.take("load_model_type"), l.take("save_model_type")
	legacy, mcore, saver := l.take("save_to_legacy"), l.take("use_mcore_models"), l.take("saver")
	format := "legacy"
	says := legacy // the flag that decides, if one does
	switch {
	case to.text() == "hf", to.text() == "huggingface":
		format, says = "hf", to
	case strings.HasPrefix(saver.text(), "save_huggingface"):
		format, says = "hf", saver
	case l.program == "convert_ckpt_v2.py":
		format, says = "mcore", to
	case mcore != nil && legacy == nil:
		format, says = "mcore", mcore
	}
	if format == "hf" {
		j.Name, j.Keep = "exported", true
	}
	s := l.fixed("to", format, "")
	if s.Usual = says == nil; says != nil {
		s.As, s.At = says.as, says.at
	}
	if saver != nil && says != saver {
		l.drop(saver, "the flags of the result's format say it")
	}
	j.Settings = append(j.Settings, s)
	if from != nil {
		l.drop(from, "a checkpoint's format is recognised by its files")
	}

	if load := l.take("load_dir"); load != nil {
		param := "checkpoint"
		if from.text() == "hf" {
			param = "model"
		}
		j.Settings = append(j.Settings, load.reads("from", param))
	}
	if f := l.take("save_dir"); f != nil {
		if format == "hf" { // the folder holds the model it began with, and gets the result below it
			if !l.has("template") {
				j.Settings = append(j.Settings, f.reads("template", "model"))
			}
			leaves(j, f, "model", "mg2hf")
		} else {
			leaves(j, f, "checkpoint", "")
		}
	}
	if f := l.take("params_dtype"); f != nil {
		s := f.setting("dtype")
		if t := f.text(); t != "" && !slices.Contains([]string{"bf16", "fp16", "fp32"}, t) {
			s.Texts, s.Note = []string{"fp32"}, "which "+l.program+" takes "+t+" for"
		}
		j.Settings = append(j.Settings, s)
	} else if format != "hf" && l.program == "convert_ckpt.py" {
		s := l.fixed("dtype", "fp16", "the default of "+l.program)
		s.Usual = true
		j.Settings = append(j.Settings, s)
	}
	if f := l.take("model_type_hf"); f != nil {
		l.drop(f, "the config.json beside the weights tells the family")
	}
	if f := l.take("lora_load"); f != nil {
		j.Settings = append(j.Settings, f.reads("lora", "adapters"))
	}
	if format == "hf" {
		if f := l.take("make_vocab_size_divisible_by"); f != nil {
			l.drop(f, "a Hugging Face model keeps the vocabulary of its config")
		}
		for _, name := range []string{"moe_grouped_gemm", "noop_layers"} {
			if f := l.take(name); f != nil {
				l.drop(f, "how the source lies is seen in it")
			}
		}
	}
	l.rest(j,
		group{"a checkpoint's format is recognised by its files", "load_from_legacy model_type loader"},
		group{"the tokenizer comes along with the model", "tokenizer_model"},
		group{"how tensors are packed comes from the model's family", "w_pack"},
		group{"weights are read tensor by tensor", "max_queue_size megatron_path"},
	)
	return []*foreign.Job{j}
}
