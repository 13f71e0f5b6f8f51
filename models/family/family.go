package family

// Family is one architecture or a variant of it.
type Family struct {
	Name         string         `yaml:"family"`
	Doc          string         `yaml:"doc"`
	Like         string         `yaml:"like"`         // family to inherit from
	Match        Match          `yaml:"match"`        // how config.json names it
	Architecture string         `yaml:"architecture"` // written to config.json when there is no template
	ModelType    string         `yaml:"model_type"`   // likewise
	RopeBase     float64        `yaml:"rope_base"`    // assumed where a checkpoint does not carry it
	Args         map[string]any `yaml:"args"`         // constants of Megatron's arguments
	Canonical    []Tensor       `yaml:"canonical"`
	HF           *Format        `yaml:"hf"`
	Legacy       *Format        `yaml:"legacy"`
	Mcore        *Format        `yaml:"mcore"`

	path string // file it was read from, for errors
}

// Match recognises a family by its config. Of the families that match, the one with the most
// conditions wins.
type Match struct {
	Architectures []string         `yaml:"architectures"`
	ModelTypes    []string         `yaml:"model_types"` // used when the config lists no architectures
	Where         map[string][]any `yaml:"where"`       // config field -> accepted values
}

// Tensor is a canonical tensor of the model, layer by layer where its name has {l}.
type Tensor struct {
	Name     string   `yaml:"name"`
	Shape    []string `yaml:"shape"`    // hidden, q, kv, ffn, vocab
	Split    string   `yaml:"split"`    // "rows", "columns" or "" for a copy on every tensor-parallel rank
	Vocab    bool     `yaml:"vocab"`    // rows are padded to a multiple
	Optional bool     `yaml:"optional"` // present in every layer or in none
}

// Format is how a kind of checkpoint stores the tensors.
type Format struct {
	Rules  []Rule   `yaml:"rules"`
	Ignore []string `yaml:"ignore"` // patterns of stored names that hold no weights
}

// Rule ties a stored tensor to canonical ones.
type Rule struct {
	Name       string   `yaml:"name"`        // stored name
	From       []string `yaml:"from"`        // canonical names
	By         []string `yaml:"by"`          // transforms from canonical to stored; none for a copy
	At         string   `yaml:"at"`          // pipeline end that holds it: "first", "last"; "" for layers
	When       string   `yaml:"when"`        // "tied-pipeline": only the copy that a tied model needs at its last stage
	ExtraState string   `yaml:"extra_state"` // "with": an empty _extra_state entry follows; "always": even without the tensor
	Adapter    string   `yaml:"adapter"`     // canonical name of the LoRA adapter of this module
}

// Spelling of Rule.At, Rule.When, Rule.ExtraState and Tensor.Split.
const (
	First        = "first"
	Last         = "last"
	TiedPipeline = "tied-pipeline"
	With         = "with"
	Always       = "always"
	Rows         = "rows"
	Columns      = "columns"
)

// Layer is the placeholder of the layer number.
const Layer = "{l}"

// TensorNamed is the canonical tensor of that name, with the placeholder in it.
func (f *Family) TensorNamed(name string) (Tensor, bool) {
	for _, t := range f.Canonical {
		if t.Name == name {
			return t, true
		}
	}
	return Tensor{}, false
}
