package preprocess

import (
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/open"
	"github.com/belay-ml/belay/stages/preprocess/handler"
)

// TokenizerFiles are the parameters for tokenizers other than that of a directory.
type TokenizerFiles struct {
	TokenizerType string       `yaml:"tokenizer_type" enum:"PretrainedFromHF,GPT2BPETokenizer,BertWordPieceLowerCase,BertWordPieceCase" doc:"PretrainedFromHF (default) opens the directory tokenizer; GPT2BPETokenizer opens vocab_file and merge_file instead"`
	NotUseFast    bool         `yaml:"tokenizer_not_use_fast" doc:"read tokenizer.model where tokenizer.json stands beside it"`
	VocabFile     artifact.Ref `yaml:"vocab_file" kind:"files,text" doc:"vocab.json of a GPT2BPETokenizer"`
	MergeFile     artifact.Ref `yaml:"merge_file" kind:"files,text" doc:"merges.txt of a GPT2BPETokenizer"`
}

func (f *TokenizerFiles) megatron() bool { return f.TokenizerType == "GPT2BPETokenizer" }

// check refuses what does not go together.
func (f *TokenizerFiles) check(p *Params, k handler.Kind) error {
	files := f.VocabFile.Given() || f.MergeFile.Given()
	switch {
	case f.TokenizerType != "" && f.TokenizerType != "PretrainedFromHF" && !f.megatron():
		return fault.New(fault.Recipe, "tokenizer_type %s is for BERT models, which belay does not train", f.TokenizerType).
			WithHint("a directory with vocab.txt and tokenizer_config.json of a BertTokenizer can be given as tokenizer")
	case f.megatron() && !(f.VocabFile.Given() && f.MergeFile.Given()):
		return fault.New(fault.Recipe, "tokenizer_type GPT2BPETokenizer needs vocab_file and merge_file")
	case f.megatron() && p.Tokenizer.Given():
		return fault.New(fault.Recipe, "tokenizer means nothing with tokenizer_type GPT2BPETokenizer, which reads vocab_file and merge_file").
			WithHint("leave one of them out")
	case f.megatron() && f.NotUseFast:
		return fault.New(fault.Recipe, "tokenizer_not_use_fast means nothing with tokenizer_type GPT2BPETokenizer")
	case f.megatron() && p.compat() && k.Instruction:
		return fault.New(fault.Recipe, "tokenizer_type GPT2BPETokenizer cannot be had with style %s in the reference", k.Style).
			WithHint("leave compat out, or give the tokenizer as a directory")
	case files && !f.megatron():
		return fault.New(fault.Recipe, "vocab_file and merge_file mean nothing without tokenizer_type: GPT2BPETokenizer")
	case !f.megatron() && !p.Tokenizer.Given():
		return fault.New(fault.Recipe, "tokenizer is missing")
	}
	return nil
}

// openTokenizer opens the tokenizer that the parameters name.
func (p *Params) openTokenizer() (t tok.Tokenizer, err error) {
	switch {
	case p.megatron():
		t, err = open.GPT2(p.VocabFile.Path, p.MergeFile.Path)
	case p.NotUseFast:
		t, err = open.Slow(p.Tokenizer.Path)
	default:
		t, err = open.Dir(p.Tokenizer.Path)
	}
	return t, fault.Wrap(fault.Data, err)
}
