package slow

import (
	"fmt"
	"strings"

	"github.com/belay-ml/belay/models/tok/config"
)

// class is what one transformers class does around the SentencePiece library.
type class struct {
	extra   []string // tokens behind the vocabulary, known by id but not looked for in text
	prefix  []string // tokens in front of a text
	addBOS  bool
	addEOS  bool
	ownIDs  bool // eos, pad and unk are those of the model, and there are no special tokens
	blank   bool // the class puts the blank in front itself: "non-legacy"
	noBlank bool // add_prefix_space is false: it puts none
	decode  decoding
}

// decoding is how special tokens stand in decoded text.
type decoding int

const (
	bare     decoding = iota // they are left to the library
	spaced                   // a blank in front of those that are neither first nor behind another
	llama                    // the same, and the first piece loses ▁
	unspaced                 // llama without the blank, but for the one that the class put in front
	code                     // unspaced without that blank either
	gemma                    // added tokens are apart from the rest
)

// chatGLM lists the tokens behind the vocabulary of ChatGLM 2 and 3, in order of their ids.
func chatGLM() []string {
	return []string{"[MASK]", "[gMASK]", "[sMASK]", "sop", "eop", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"}
}

// classOf says what the class named in c does.
func classOf(c *config.Config) (class, error) {
	k := class{
		addBOS:  c.AddBOS == nil || *c.AddBOS,
		addEOS:  c.AddEOS != nil && *c.AddEOS,
		noBlank: c.PrefixSpace != nil && !*c.PrefixSpace,
	}
	switch c.Class {
	case "":
		if !c.Present {
			return class{ownIDs: true}, nil
		}
	case "LlamaTokenizer":
		k.decode = llama
		if c.Legacy != nil && !*c.Legacy {
			k.blank, k.decode = true, unspaced
		}
		return k, nil
	case "CodeLlamaTokenizer":
		k.blank, k.noBlank, k.decode = true, false, code
		return k, nil
	case "GemmaTokenizer":
		k.decode = gemma
		return k, nil
	case "BaichuanTokenizer", "InternLMTokenizer", "InternLM2Tokenizer":
		k.decode = spaced
		return k, nil
	case "ChatGLMTokenizer":
		return class{extra: chatGLM(), prefix: []string{"[gMASK]", "sop"}, ownIDs: true}, nil
	}
	return k, fmt.Errorf("tokenizer_class %q over %s is not supported: known are %s; tokenizer.json is read for any class "+
		"(AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR) of transformers writes it)", c.Class, ModelFile, strings.Join(Classes(), ", "))
}

// Classes names the classes that are supported.
func Classes() []string {
	return []string{"LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer", "BaichuanTokenizer", "InternLMTokenizer", "InternLM2Tokenizer", "ChatGLMTokenizer"}
}
