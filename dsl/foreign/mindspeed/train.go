package mindspeed

import (
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/dsl/foreign"
	"github.com/belay-ml/belay/dsl/foreign/shell"
)

// train is pretrain_gpt.py and posttrain_gpt.py.
func train(l *launch) []*foreign.Job {
	stage := l.take("stage")
	tunes := l.has("is_instruction_dataset") || stage.text() == "sft" || stage == nil && l.program == "posttrain_gpt.py"
	if t := stage.text(); stage != nil && t != "sft" && t != "pretrain" && t != "pt" {
		l.why = "no stage trains by --stage " + strings.Join(stage.texts(), " ") + ": sft and pretraining are there"
		return nil
	}
	if stage != nil {
		l.drop(stage, "the stage that trains, or the form of its data, says so already")
	}
	j := l.job("pretrain", "pretrained")
	if tunes {
		j = l.job("finetune", "tuned")
	}
	j.Keep = true
	j.Lift = []string{"seq_length", "train_iters", "lr", "micro_batch_size", "global_batch_size"}
	if f := l.take("load"); f != nil {
		j.Settings = append(j.Settings, f.reads("load", "checkpoint"))
	} else if !tunes {
		l.sizes(j)
	}
	l.data(j, !tunes)
	if f := l.take("save"); f != nil {
		leaves(j, f, "checkpoint", "")
		if !f.known() {
			l.drop(f, "where the result goes is not known: belay keeps it in its store")
		}
	}
	if tunes && (l.has("lora_target_modules") || l.has("lora_r")) {
		j.Settings = append(j.Settings, l.fixed("mode", "lora", ""))
	}
	l.precision(j)
	l.dropout()
	own := []group{
		{"optimizer steps count batches here: train_iters", "train_samples train_epochs num_epochs lr_decay_samples lr_warmup_samples"},
		{"no ramp of the batch size", "rampup_batch_size"},
		{"adapters begin anew: a stage that merged them is what to go on from", "lora_load"},
		{"a way to save device memory, which changes no result", "lora_fusion lora_register_forward_hook"},
		{"only adapters of linear layers are trained", "lora_modules_to_save qlora qlora_save_dequantize lora_ckpt_filter"},
	}
	if tunes {
		own = append(own, group{"every sample of a pack is a sequence of its own, and its answers alone are learned", "reset_* neat_pack eod_mask_loss"})
	} else {
		own = append(own, group{"pretraining trains all weights: finetune has mode lora", "lora_*"})
	}
	l.rest(j, own...)
	return []*foreign.Job{j}
}

// data is what the model reads; mixed says that the stage deals samples of several indexes.
func (l *launch) data(j *foreign.Job, mixed bool) {
	f := l.take("data_path")
	if f == nil {
		if f = l.take("train_data_path"); f != nil && !l.has("split") {
			j.Settings = append(j.Settings, l.fixed("split", "100,0,0", "all of "+f.as))
		}
	}
	switch {
	case f == nil:
	case len(f.values) < 2 || !isWeight(f.values[0]):
		s := f.reads("data_path", "index")
		s.Index = true
		j.Settings = append(j.Settings, s)
	case mixed && alternates(f.values):
		j.Settings = append(j.Settings, f.blend())
	default:
		s := f.reads("data_path", "index")
		s.Texts, s.Open, s.Why, s.Index = nil, f.path(), "weights and paths do not take turns", true
		if !mixed {
			s.Why = "a blend of several indexes, and tuning reads one: preprocess mixes its sources"
		}
		j.Settings = append(j.Settings, s)
	}
	if mixed {
		j.Needs = append(j.Needs, "data|blend")
	}
	if !l.has("split") && !l.has("train_data_path") {
		j.Settings = append(j.Settings, l.fixed("split", "969,30,1", "the reference's default"))
	}
}

// blend is a data path of weights and indexes.
func (f *flag) blend() foreign.Setting {
	s := foreign.Setting{Field: "blend", Texts: f.texts(), As: f.as, At: f.at}
	for i := 0; i < len(f.values); i += 2 {
		weight, index := *f, *f
		weight.values, index.values = f.values[i:i+1], f.values[i+1:i+2]
		data := index.reads("data", "index")
		data.Index = true
		s.Items = append(s.Items, foreign.Item{data, weight.setting("weight")})
	}
	return s
}

// alternates says whether every second word from the first on is a weight.
func alternates(words []shell.Field) bool {
	for i := 0; i < len(words); i += 2 {
		if !isWeight(words[i]) {
			return false
		}
	}
	return len(words)%2 == 0
}

// isWeight says whether a word of a data path is a weight.
func isWeight(word shell.Field) bool {
	_, err := strconv.ParseFloat(word.Text, 64)
	return err == nil
}

// sizes are those of a model that begins with random weights.
func (l *launch) sizes(j *foreign.Job) {
	model, _ := kindOf(l.stages, "pretrain").Lookup("model")
	if model == nil {
		return
	}
	for _, f := range model.Fields {
		given := l.take(f.Name)
		if given == nil {
			continue
		}
		j.Settings = append(j.Settings, given.setting("model."+f.Name))
		j.Lift = append(j.Lift, "model."+f.Name)
	}
	if padded := l.take("padded_vocab_size"); padded != nil {
		if slices.ContainsFunc(j.Settings, func(s foreign.Setting) bool { return s.Field == "model.vocab_size" }) {
			l.drop(padded, "the vocabulary is not padded")
		} else {
			s := padded.setting("model.vocab_size")
			s.Note = "padded"
			j.Settings = append(j.Settings, s)
			j.Lift = append(j.Lift, s.Field)
		}
	} else if !slices.ContainsFunc(j.Settings, func(s foreign.Setting) bool { return s.Field == "model.vocab_size" }) {
		j.Settings = append(j.Settings, foreign.Setting{Field: "model.vocab_size", Open: "nothing", Why: "the reference takes the tokenizer's", As: l.program, At: l.at})
	}
	if f := l.take("untie_embeddings_and_output_weights"); f != nil {
		l.drop(f, "embedding and head are two tensors unless tie_word_embeddings says otherwise")
	} else {
		j.Settings = append(j.Settings, l.fixed("model.tie_word_embeddings", "true", "the reference's default"))
	}
	for _, name := range []string{"swiglu", "disable_bias_linear", "use_rotary_position_embeddings", "group_query_attention", "normalization", "position_embedding_type"} {
		f := l.take(name)
		if f == nil {
			continue
		}
		why := "models with random weights have llama's shape"
		if t := f.text(); t != "" && t != "RMSNorm" && t != "rope" {
			why += ", and not this"
		}
		l.drop(f, why)
	}
	if f := l.take("init_method_std"); f != nil {
		l.drop(f, "random weights are drawn by the decoder's own rule")
	}
}
