package preprocess

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/chat/hf"
	"github.com/belay-ml/belay/stages/preprocess/handler"
)

// Params are the parameters of the stage.
type Params struct {
	Input     []artifact.Ref `yaml:"input" kind:"files,text,dir" doc:"data file, folder or pattern (data/*.jsonl, data/**/*.parquet), or a list of those in order: .jsonl, .json, .txt, .csv, .tsv, .arrow, also with .gz or .zst, and .parquet"`
	Tokenizer artifact.Ref   `yaml:"tokenizer" alias:"tokenizer_name_or_path" kind:"hf-model,tokenizer" doc:"directory of the tokenizer"`
	TokenizerFiles

	Sources []Source `yaml:"sources" doc:"in place of input: several parts of the data, each read in its own way, in order"`
	Mix     string   `yaml:"mix" alias:"mix_strategy" enum:"concat,interleave_under,interleave_over" default:"concat" doc:"order of sources: one after another, or record by record, drawn by weight, until the first of them ends (under) or until all have ended once (over; those that end begin anew)"`
	Datasets
	Seed      int64             `yaml:"seed" default:"1234" doc:"chooses records where a weight takes some of a source's, and draws sources to interleave"`
	Filter    string            `yaml:"filter" doc:"expression over columns that a record must fulfil: len(output) > 10 and lang == 'en'; row['a b'] is a column whose name is no word"`
	Map       map[string]string `yaml:"map" doc:"columns to make of the others, by name: {text: title + ' ' + body}"`
	OnError   string            `yaml:"on_error" enum:"stop,skip" default:"stop" doc:"what happens at a record that is wrong (broken JSON, no UTF-8, a wrong type): the run stops, or the record is left out, counted and logged"`
	MaxErrors float64           `yaml:"max_errors" min:"0" default:"100" doc:"how many records on_error skip leaves out before the run stops; below 1 the share of all records"`

	Style    string            `yaml:"style" alias:"handler_name" default:"pretrain" doc:"what a record is: pretrain, alpaca, sharegpt, alpaca_pairwise, sharegpt_pairwise, alpaca_pretrain, general, belle, moss, moss_multiturn, leetcode, stackoverflow, llamafactory, or the reference's handler name"`
	JSONKeys []string          `yaml:"json_keys" doc:"columns of running text, an index each (style pretrain; default text)"`
	MapKeys  map[string]string `yaml:"map_keys" doc:"columns by role where they are not named as usual: alpaca has prompt, query, response, history, system; sharegpt has messages, system, tools; an empty name leaves a role out; query, history, system and tools are read without being mapped where the data has a column of that name"`
	Tags     map[string]string `yaml:"tags" doc:"words in tagged messages: role_tag, content_tag, user_tag, assistant_tag, observation_tag, function_tag, system_tag; those not given are as usual (from, value, human, gpt, observation, function_call, system), and an empty word unsets one"`
	Template string            `yaml:"template" alias:"prompt_type" doc:"prompt template of the model: alpaca, chatml, default, llama2, llama3, qwen or another of models/chat/data; or hf for the tokenizer's own chat template (hf:NAME where it has several)"`
	ChatFile artifact.Ref      `yaml:"chat_template" kind:"files,text" doc:"Jinja file for template hf, instead of the tokenizer's own"`
	Date     string            `yaml:"template_date" doc:"the day that a chat template is told, as 2026-01-31; without one it has no clock"`

	SeqLength int    `yaml:"seq_length" alias:"seq_len,cutoff_len" min:"1" max:"16777216" doc:"longest sample in tokens; needed to pack"`
	OnLong    string `yaml:"on_long" enum:"drop,truncate,proportional" doc:"what happens to a sample longer than seq_length: it is left out and counted (drop, default), its end is cut off (truncate), or the answer and question of each round that has no room are cut by their shares, as LLaMA-Factory's cutoff_len does (proportional)"`
	Learning
	Sentences
	Pack      bool `yaml:"pack" doc:"put several samples into one sequence of seq_length tokens"`
	AppendEOD bool `yaml:"append_eod" doc:"end each document with the end-of-text token"`

	OutputPrefix   string   `yaml:"output_prefix" default:"data" doc:"how the files' names begin"`
	DType          string   `yaml:"dtype" enum:"int32,auto" default:"int32" doc:"type of the ids; auto takes 16 bits for a vocabulary below 65500"`
	MergeGroupKeys []string `yaml:"merge_group_keys" doc:"instead of reading data: join the token indexes in input whose names contain a key, for each key"`
	Subsets        int      `yaml:"n_subs" min:"1" doc:"pack the records in this many groups, each by itself; without pack it changes nothing (records are always encoded side by side)"`
	Compat         string   `yaml:"compat" enum:"rc3" doc:"rc3 writes what MindSpeed-LLM 1.0.RC3 writes, its defects included"`
	Workers        int      `yaml:"workers" key:"no" min:"0" max:"1024" doc:"goroutines that encode; 0 takes the cores granted"`
	Reference
}

// proportional is the on_long that cuts rounds by their shares.
const proportional = "proportional"

func (p *Params) compat() bool { return p.Compat == "rc3" }

// chatOptions are how conversations are written.
func (p *Params) chatOptions() chat.Options {
	o := chat.Options{Compat: p.compat(), LastFirst: p.MaskHistory}
	if p.OnLong == proportional {
		o.Limit = p.SeqLength
	}
	return o
}

// choice is the template that is asked for.
func (p *Params) choice() hf.Choice {
	return hf.Choice{Template: p.Template, File: p.ChatFile.Path, Dir: p.Tokenizer.Path, Options: p.chatOptions()}
}

// check refuses combinations in which a parameter would mean nothing.
func (p *Params) check(k handler.Kind) error {
	bad := func(format string, args ...any) *fault.Error {
		return fault.New(fault.Recipe, format, args...)
	}
	switch {
	case p.OutputPrefix == "" || p.OutputPrefix != filepath.Base(p.OutputPrefix) || strings.HasPrefix(p.OutputPrefix, "."):
		return bad("output_prefix %q: want a file name without folders", p.OutputPrefix).WithHint("the folder is the stage's output; only how names begin is chosen here")
	case len(p.Input) == 0 && len(p.Sources) == 0:
		return bad("input names no data").WithHint("input: data.jsonl, or sources with an input each")
	case len(p.Input) > 0 && len(p.Sources) > 0:
		return bad("input and sources are both given").WithHint("name input in a source of its own")
	case p.Mix != mixConcat && p.Mix != "" && max(len(p.Sources), len(p.Dataset)) < 2:
		return bad("mix %s needs several sources", p.Mix)
	case len(p.Input) > 1 && p.compat():
		return bad("compat rc3 reads one input, have %d", len(p.Input)).WithHint("leave compat out, or put the files into one folder")
	case p.Compat != "" && !p.compat():
		return bad("compat %q: want rc3 or nothing", p.Compat)
	case k.Templated && p.Template == "":
		return bad("style %s needs a template", k.Style).WithHint("template: qwen, or another one of the model")
	case !k.Templated && p.Template != "":
		return bad("template %s means nothing with style %s, which has a fixed text", p.Template, k.Style).WithHint("leave template out, or use style alpaca or sharegpt")
	case p.ChatFile.Given() && !p.choice().Own():
		return bad("chat_template means nothing with template %q", p.Template).WithHint("template: hf")
	case p.Date != "" && !p.choice().Own():
		return bad("template_date means nothing with template %q, which tells no date", p.Template)
	case !k.Keyed && len(p.JSONKeys) > 0 && !p.compat():
		return bad("json_keys means nothing with style %s", k.Style).WithHint("style pretrain reads json_keys; the others read fixed columns (map_keys)")
	case !k.Templated && len(p.MapKeys) > 0 && !p.compat():
		return bad("map_keys means nothing with style %s", k.Style).WithHint("json_keys names the columns of style pretrain")
	case !k.Tagged && len(p.Tags) > 0:
		return bad("tags means nothing with style %s", k.Style)
	case p.Pack && (!k.Instruction || k.Pairs):
		return bad("pack means nothing with style %s", k.Style).WithHint("running text is cut to the sequence length when it is read")
	case p.Pack && p.SeqLength == 0:
		return bad("pack needs seq_length, the size of a pack")
	case p.OnLong != "" && p.OnLong != "drop" && p.OnLong != "truncate" && p.OnLong != proportional:
		return bad("on_long %q: want drop, truncate or proportional", p.OnLong)
	case p.OnLong != "" && p.SeqLength == 0:
		return bad("on_long %s needs seq_length", p.OnLong)
	case (p.OnLong == "truncate" || p.OnLong == proportional) && k.Pairs:
		return bad("on_long %s would cut the answers that style %s compares", p.OnLong, k.Style).WithHint("on_long: drop")
	case p.OnLong == proportional && !k.Templated:
		return bad("on_long proportional means nothing with style %s, which has no rounds", k.Style).WithHint("on_long: truncate")
	case p.OnLong != "" && p.compat():
		return bad("on_long %s cannot be had with compat rc3, which drops long samples in its own way", p.OnLong)
	case p.DType != "int32" && p.DType != "auto" && p.DType != "":
		return bad("dtype %q: want int32 or auto", p.DType)
	case p.DType == "auto" && k.Instruction:
		return bad("dtype auto cannot be had with style %s, whose labels are negative", k.Style).WithHint("dtype: int32")
	case p.DType == "auto" && p.compat():
		return bad("dtype auto cannot be had with compat rc3, which always writes int32")
	}
	if err := p.TokenizerFiles.check(p, k); err != nil {
		return err
	}
	if err := p.Datasets.check(p, k); err != nil {
		return err
	}
	if err := p.Learning.check(p, k); err != nil {
		return err
	}
	if err := p.Sentences.check(k); err != nil {
		return err
	}
	if err := p.Reference.check(); err != nil {
		return err
	}
	for i, key := range p.JSONKeys {
		if key == "" || key != filepath.Base(key) || slices.Contains(p.JSONKeys[:i], key) {
			return bad("json_keys: %q cannot name a file of its own", key)
		}
	}
	return nil
}
