package preprocess

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/preprocess/handler"
)

// Params are the parameters of the stage.
type Params struct {
	Input     []artifact.Ref `yaml:"input" kind:"files,text,dir" required:"true" doc:"data file, or a folder of them, or a list of those in order: .jsonl, .json, .txt, .csv, also with .gz or .zst"`
	Tokenizer artifact.Ref   `yaml:"tokenizer" alias:"tokenizer_name_or_path" kind:"hf-model,tokenizer" doc:"directory of the tokenizer"`

	Style    string            `yaml:"style" alias:"handler_name" default:"pretrain" doc:"what a record is: pretrain, alpaca, sharegpt, alpaca_pairwise, sharegpt_pairwise, alpaca_pretrain, general, belle, moss, moss_multiturn, leetcode, or the reference's handler name"`
	JSONKeys []string          `yaml:"json_keys" doc:"columns of running text, an index each (style pretrain; default text)"`
	MapKeys  map[string]string `yaml:"map_keys" doc:"columns by role where they are not named as usual: alpaca has prompt, query, response, history, system; sharegpt has messages, system, tools; an empty name leaves a role out"`
	Tags     map[string]string `yaml:"tags" doc:"words in tagged messages: role_tag, content_tag, user_tag, assistant_tag, observation_tag, function_tag, system_tag; those not given are unset"`
	Template string            `yaml:"template" alias:"prompt_type" doc:"prompt template of the model: alpaca, chatml, default, llama2, llama3, qwen or another of models/chat/data"`

	SeqLength int    `yaml:"seq_length" alias:"seq_len,cutoff_len" min:"1" max:"16777216" doc:"longest sample in tokens; needed to pack"`
	OnLong    string `yaml:"on_long" enum:"drop,truncate" doc:"what happens to a sample longer than seq_length (default drop)"`
	Pack      bool   `yaml:"pack" doc:"put several samples into one sequence of seq_length tokens"`
	AppendEOD bool   `yaml:"append_eod" doc:"end each document with the end-of-text token"`

	OutputPrefix   string   `yaml:"output_prefix" default:"data" doc:"how the files' names begin"`
	DType          string   `yaml:"dtype" enum:"int32,auto" default:"int32" doc:"type of the ids; auto takes 16 bits for a vocabulary below 65500"`
	MergeGroupKeys []string `yaml:"merge_group_keys" doc:"instead of reading data: join the token indexes in input whose names contain a key, for each key"`
	Subsets        int      `yaml:"n_subs" min:"1" doc:"pack the records in this many groups; without pack it changes nothing"`
	Compat         string   `yaml:"compat" enum:"rc3" doc:"rc3 writes what MindSpeed-LLM 1.0.RC3 writes, its defects included"`
	Workers        int      `yaml:"workers" key:"no" min:"0" max:"1024" doc:"goroutines that encode; 0 takes the cores granted"`
}

func (p *Params) compat() bool { return p.Compat == "rc3" }

// check refuses combinations in which a parameter would mean nothing.
func (p *Params) check(k handler.Kind) error {
	bad := func(format string, args ...any) *fault.Error {
		return fault.New(fault.Recipe, format, args...)
	}
	switch {
	case p.OutputPrefix == "" || p.OutputPrefix != filepath.Base(p.OutputPrefix) || strings.HasPrefix(p.OutputPrefix, "."):
		return bad("output_prefix %q: want a file name without folders", p.OutputPrefix).WithHint("the folder is the stage's output; only how names begin is chosen here")
	case len(p.Input) == 0:
		return bad("input names no data")
	case len(p.Input) > 1 && p.compat():
		return bad("compat rc3 reads one input, have %d", len(p.Input)).WithHint("leave compat out, or put the files into one folder")
	case len(p.Input) > 1 && len(p.MergeGroupKeys) > 0:
		return bad("merge_group_keys joins the token indexes of one folder, have %d inputs", len(p.Input))
	case p.Compat != "" && !p.compat():
		return bad("compat %q: want rc3 or nothing", p.Compat)
	case !p.Tokenizer.Given():
		return bad("tokenizer is missing")
	case k.Templated && p.Template == "":
		return bad("style %s needs a template", k.Style).WithHint("template: qwen, or another one of the model")
	case !k.Templated && p.Template != "":
		return bad("template %s means nothing with style %s, which has a fixed text", p.Template, k.Style).WithHint("leave template out, or use style alpaca or sharegpt")
	case !k.Keyed && len(p.JSONKeys) > 0:
		return bad("json_keys means nothing with style %s", k.Style).WithHint("style pretrain reads json_keys; the others read fixed columns (map_keys)")
	case !k.Templated && len(p.MapKeys) > 0:
		return bad("map_keys means nothing with style %s", k.Style).WithHint("json_keys names the columns of style pretrain")
	case !k.Tagged && len(p.Tags) > 0:
		return bad("tags means nothing with style %s", k.Style)
	case p.Pack && (!k.Instruction || k.Pairs):
		return bad("pack means nothing with style %s", k.Style).WithHint("running text is cut to the sequence length when it is read")
	case p.Pack && p.SeqLength == 0:
		return bad("pack needs seq_length, the size of a pack")
	case p.OnLong != "" && p.OnLong != "drop" && p.OnLong != "truncate":
		return bad("on_long %q: want drop or truncate", p.OnLong)
	case p.OnLong != "" && p.SeqLength == 0:
		return bad("on_long %s needs seq_length", p.OnLong)
	case p.OnLong == "truncate" && k.Pairs:
		return bad("on_long truncate would cut the answers that style %s compares", k.Style).WithHint("on_long: drop")
	case p.OnLong != "" && p.compat():
		return bad("on_long %s cannot be had with compat rc3, which drops long samples in its own way", p.OnLong)
	case p.DType != "int32" && p.DType != "auto" && p.DType != "":
		return bad("dtype %q: want int32 or auto", p.DType)
	case p.DType == "auto" && k.Instruction:
		return bad("dtype auto cannot be had with style %s, whose labels are negative", k.Style).WithHint("dtype: int32")
	case p.DType == "auto" && p.compat():
		return bad("dtype auto cannot be had with compat rc3, which always writes int32")
	}
	for i, key := range p.JSONKeys {
		if key == "" || key != filepath.Base(key) || slices.Contains(p.JSONKeys[:i], key) {
			return bad("json_keys: %q cannot name a file of its own", key)
		}
	}
	return nil
}

// level is what a sequence of the output is called.
func (p *Params) level() string { return "document" }
