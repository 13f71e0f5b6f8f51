package family

import "strings"

// Family is one architecture or a variant of it.
type Family struct {
	Name         string            `yaml:"family" json:"family" doc:"name, also that of the file"`
	Aliases      []string          `yaml:"aliases" json:"aliases,omitempty" doc:"other names, such as the reference's"`
	Doc          string            `yaml:"doc" json:"doc" doc:"one line for lists"`
	Like         string            `yaml:"like" json:"like,omitempty" doc:"family to inherit from what this file does not say"`
	Match        Matches           `yaml:"match" json:"match,omitempty" doc:"how config.json names it; one set of conditions or a list of them"`
	Architecture string            `yaml:"architecture" json:"architecture" doc:"written to config.json when there is no template"`
	ModelType    string            `yaml:"model_type" json:"model_type" doc:"likewise"`
	RopeBase     float64           `yaml:"rope_base" json:"rope_base,omitempty" doc:"assumed where a checkpoint does not carry it"`
	Tokenizer    string            `yaml:"tokenizer" json:"tokenizer,omitempty" enum:"sentencepiece,byte_bpe,tiktoken,gpt2" doc:"kind of tokenizer"`
	ChatTemplate string            `yaml:"chat_template" json:"chat_template,omitempty" doc:"template of models/chat/data, or hf for the one that the tokenizer brings"`
	Hub          []string          `yaml:"hub" json:"hub,omitempty" doc:"repositories beside those of the sizes"`
	Block        map[string]string `yaml:"block" json:"block" enum:"always,maybe" doc:"features of the layers; a feature that is not listed never occurs"`
	Args         map[string]any    `yaml:"args" json:"args,omitempty" doc:"constants of Megatron's arguments"`
	RC3Args      map[string]any    `yaml:"rc3_args" json:"-" doc:"the constants that the reference converter writes instead"`
	Canonical    []Tensor          `yaml:"canonical" json:"canonical" doc:"tensors of the model"`
	HF           *Format           `yaml:"hf" json:"hf,omitempty" doc:"Hugging Face names"`
	Legacy       *Format           `yaml:"legacy" json:"legacy,omitempty" doc:"Megatron-Legacy names"`
	Mcore        *Format           `yaml:"mcore" json:"mcore,omitempty" doc:"Megatron-Core names"`
	GGUF         *Format           `yaml:"gguf" json:"gguf,omitempty" doc:"names in the files of llama.cpp, which are read"`
	Sizes        []Size            `yaml:"sizes" json:"sizes,omitempty" doc:"published sizes"`

	path string // file it was read from, for errors
	at   pos
}

// Matches are alternatives.
type Matches []Match

// Match recognises a family by its config. Of the families that match, the one with the most
// conditions wins.
type Match struct {
	Architectures []string         `yaml:"architectures" json:"architectures" doc:"first of architectures"`
	ModelTypes    []string         `yaml:"model_types" json:"model_types,omitempty" doc:"used when the config lists no architectures"`
	Where         map[string][]any `yaml:"where" json:"where,omitempty" doc:"config field and its accepted values"`
}

// Tensor is a canonical tensor of the model, layer by layer where its name has {l} and expert by expert
// where it has {e}.
type Tensor struct {
	Name     string   `yaml:"name" json:"name" required:"true" doc:"{l} stands for the layer, {e} for the expert"`
	Shape    []string `yaml:"shape" json:"shape" required:"true" doc:"sizes by name, outputs first"`
	Split    string   `yaml:"split" json:"split,omitempty" enum:"rows,columns" doc:"tensor-parallel axis; without it every rank has a copy"`
	Vocab    bool     `yaml:"vocab" json:"vocab,omitempty" doc:"rows are padded to a multiple"`
	Optional bool     `yaml:"optional" json:"optional,omitempty" doc:"present in every layer or in none"`
	If       []string `yaml:"if" json:"if,omitempty" doc:"features that the layer must have, or with ! in front must not"`

	at pos
}

// Format is how a kind of checkpoint stores the tensors.
type Format struct {
	Rules  []Rule            `yaml:"rules" json:"rules" doc:"stored tensors, in the order of storage"`
	Ignore []string          `yaml:"ignore" json:"ignore,omitempty" doc:"patterns of stored names that hold no weights"`
	Also   map[string]string `yaml:"also" json:"also,omitempty" doc:"other ends of stored names, and the ends of rules that they stand for; they are read, not written"`
	Prefix string            `yaml:"prefix" json:"prefix,omitempty" doc:"begin of the names that some publishers leave out"`
}

// Rule ties a stored tensor to canonical ones.
type Rule struct {
	Name       string   `yaml:"name" json:"name" required:"true" doc:"stored name"`
	From       []string `yaml:"from" json:"from" required:"true" doc:"canonical names"`
	By         []string `yaml:"by" json:"by,omitempty" doc:"transforms from canonical to stored; none for a copy"`
	At         string   `yaml:"at" json:"at,omitempty" enum:"first,last" doc:"pipeline end that holds it; nothing for layers"`
	When       string   `yaml:"when" json:"when,omitempty" enum:"tied-pipeline" doc:"only the copy that a tied model needs at its last stage"`
	If         []string `yaml:"if" json:"if,omitempty" doc:"features that the layer must have, or with ! in front must not"`
	Experts    string   `yaml:"experts" json:"experts,omitempty" enum:"rows,columns,stack" doc:"one stored tensor holds all experts of a rank, one after the other; the axis of its shape that counts them"`
	ExtraState string   `yaml:"extra_state" json:"extra_state,omitempty" enum:"with,always" doc:"an empty _extra_state entry follows, with the tensor or even without"`
	Adapter    string   `yaml:"adapter" json:"adapter,omitempty" doc:"canonical name of the LoRA adapter of this module"`

	at pos
}

// Spelling of Rule.At, Rule.When, Rule.ExtraState, Rule.Experts and Tensor.Split.
const (
	First        = "first"
	Last         = "last"
	TiedPipeline = "tied-pipeline"
	With         = "with"
	Always       = "always"
	Rows         = "rows"
	Columns      = "columns"
	Stack        = "stack"
	Maybe        = "maybe"
)

// Layer is the placeholder of the layer number, Expert that of the expert's.
const (
	Layer  = "{l}"
	Expert = "{e}"
)

// Size is one published size of a family with the figures of its runs.
type Size struct {
	Name      string  `yaml:"name" json:"name" required:"true" doc:"as in the model table, for example 7B"`
	Hub       string  `yaml:"hub" json:"hub,omitempty" doc:"repository of the weights"`
	Layers    int     `yaml:"num_layers" json:"num_layers" doc:"transformer blocks"`
	Hidden    int     `yaml:"hidden_size" json:"hidden_size" doc:"width of the residual stream"`
	FFN       int     `yaml:"ffn_hidden_size" json:"ffn_hidden_size" doc:"width of one MLP branch"`
	Heads     int     `yaml:"num_attention_heads" json:"num_attention_heads" doc:"query heads"`
	Groups    int     `yaml:"num_query_groups" json:"num_query_groups" doc:"key and value heads"`
	HeadDim   int     `yaml:"head_dim" json:"head_dim,omitempty" doc:"width of a head"`
	Vocab     int     `yaml:"vocab_size" json:"vocab_size,omitempty" doc:"rows of the embedding"`
	Positions int     `yaml:"max_position_embeddings" json:"max_position_embeddings,omitempty" doc:"longest sequence of the published model"`
	NormEps   float64 `yaml:"norm_epsilon" json:"norm_epsilon,omitempty" doc:"added to the mean square in norms"`
	RopeBase  float64 `yaml:"rotary_base" json:"rotary_base,omitempty" doc:"base of rotary positions"`
	Tied      bool    `yaml:"tied" json:"tied,omitempty" doc:"the head is the embedding"`
	Experts   int     `yaml:"num_experts" json:"num_experts,omitempty" doc:"experts of a layer"`
	TopK      int     `yaml:"top_k" json:"top_k,omitempty" doc:"experts a token"`
	ExpertFFN int     `yaml:"moe_ffn_hidden_size" json:"moe_ffn_hidden_size,omitempty" doc:"width of an expert"`
	Runs      []Run   `yaml:"runs" json:"runs,omitempty" doc:"rows of the model table"`
}

// Run is a row of the model table: a training run with its speed here and on the reference machine.
type Run struct {
	Row         int     `yaml:"row" json:"row" required:"true" doc:"number in the table"`
	Sequence    string  `yaml:"sequence" json:"sequence" doc:"sequence length, for example 4K"`
	Cluster     string  `yaml:"cluster" json:"cluster" doc:"nodes x accelerators"`
	Backend     string  `yaml:"backend" json:"backend" enum:"legacy,mcore" doc:"implementation that ran it"`
	Performance float64 `yaml:"performance" json:"performance,omitempty" doc:"tokens a second and accelerator"`
	Second      float64 `yaml:"performance2" json:"performance2,omitempty" doc:"the second figure, where the table has two"`
	Reference   float64 `yaml:"reference" json:"reference,omitempty" doc:"the same on the reference machine"`
	TP          int     `yaml:"tp" json:"tp,omitempty" doc:"tensor parallel size"`
	PP          int     `yaml:"pp" json:"pp,omitempty" doc:"pipeline parallel size"`
	EP          int     `yaml:"ep" json:"ep,omitempty" doc:"expert parallel size"`
	CP          int     `yaml:"cp" json:"cp,omitempty" doc:"context parallel size"`
}

// TensorNamed is the canonical tensor of that name, with the placeholders in it.
func (f *Family) TensorNamed(name string) (Tensor, bool) {
	for _, t := range f.Canonical {
		if t.Name == name {
			return t, true
		}
	}
	return Tensor{}, false
}

// SizeNamed is the size of that name, in any case.
func (f *Family) SizeNamed(name string) (Size, bool) {
	for _, s := range f.Sizes {
		if strings.EqualFold(s.Name, name) {
			return s, true
		}
	}
	return Size{}, false
}

// Formats names the forms that the family has.
func (f *Family) Formats() []string {
	var out []string
	for _, x := range []struct {
		name string
		is   *Format
	}{{"hf", f.HF}, {"legacy", f.Legacy}, {"mcore", f.Mcore}} {
		if x.is != nil {
			out = append(out, x.name)
		}
	}
	return out
}
