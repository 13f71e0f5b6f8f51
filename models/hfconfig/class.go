package hfconfig

import (
	"fmt"
	"slices"
	"strings"
)

// class is one transformers model class and what it assumes.
type class struct {
	archs     []string // spellings in "architectures"
	modelType string
	normEps   float64
	// keys are this class's names of the common fields, the preferred one first.
	keys map[string][]string
	// kvHeads is assumed when num_key_value_heads is absent; 0 means as many as query heads.
	kvHeads int
	// headDim is assumed when head_dim is absent; 0 means the hidden size divided among the heads.
	headDim int
	// maxPositions is assumed when max_position_embeddings is absent.
	maxPositions int
	// wide is the multiple of the hidden size that an absent MLP width means; 0 where it must be given.
	wide int
	// halved is set where intermediate_size counts gate and up together.
	halved bool
	// bias names the flag that puts a bias on q, k, v and o ("" when the class has none).
	bias string
	// qkvOnly is set where that flag leaves o without one.
	qkvOnly bool
	// qkvBias is set where q, k and v always have a bias; allBias where every linear has one.
	qkvBias, allBias bool
	// mlpBias names the flag of the MLP's biases.
	mlpBias string
	// tied is assumed when tie_word_embeddings is absent.
	tied bool
	// act is the activation where no key tells, "silu" when empty; actKey is that key, "-" for none.
	act, actKey string
	// window says how the class uses sliding_window.
	window windowUse
	// part is the turned share of a head when partial_rotary_factor is absent; 0 where it is always all.
	part float64
	// ratio is set where rope_ratio times 10000 is the rotary base.
	ratio bool
	// more are the fields beyond the common ones.
	more []extra
	// finish fills what follows from the fields.
	finish func(f *fields, c *Config)
	// put writes a new document's fields that finish reads.
	put func(c Config, raw map[string]any)
	// block says what sets the layers apart from llama's; "" where nothing does.
	block string
}

// windowUse says which layers look at sliding_window.
type windowUse uint8

const (
	windowNever  windowUse = iota
	windowAlways           // every layer, when the value is not null
	windowSwitch           // only with use_sliding_window, from layer max_window_layers on
	windowEven             // layers 0, 2, 4, ...
	windowSixth            // all but every sixth layer
)

// key is the class's name of a common field: the one that the document uses, else the preferred one.
func (cl class) key(raw map[string]any, common string) string {
	names := cl.keys[common]
	if len(names) == 0 {
		return common
	}
	for _, n := range names {
		if _, ok := raw[n]; ok {
			return n
		}
	}
	return names[0]
}

// extra binds a field of one class to the place of its value.
type extra struct {
	key string
	def any // int, float64, bool or string; what an absent key means
	at  func(*Config) any
}

// read sets the bound value.
func (e extra) read(f *fields, c *Config) {
	switch p := e.at(c).(type) {
	case *int:
		*p = f.whole(e.key, e.def.(int))
	case *float64:
		*p = f.float(e.key, e.def.(float64))
	case *bool:
		*p = f.flag(e.key, e.def.(bool))
	case *string:
		if *p = f.text(e.key); *p == "" {
			*p = e.def.(string)
		}
	}
}

// value is the bound value, for writing.
func (e extra) value(c *Config) any {
	switch p := e.at(c).(type) {
	case *int:
		return *p
	case *float64:
		return *p
	case *bool:
		return *p
	case *string:
		return *p
	}
	return nil
}

// classOf finds the class by the first of architectures, by model_type when there is no such list.
func classOf(archs []string, modelType string) (class, error) {
	var known []string
	for _, c := range classes() {
		if len(archs) > 0 && slices.Contains(c.archs, archs[0]) {
			return c, nil
		}
		if len(archs) == 0 && c.modelType == modelType {
			return c, nil
		}
		known = append(known, c.archs...)
	}
	return class{}, &UnsupportedError{Archs: archs, ModelType: modelType, Known: known}
}

// Plain says whether the layers are those of llama, which is what the decoder computes. It is nil or an
// UnsupportedError.
func (c Config) Plain() error {
	what := ""
	if c.Arch != "" {
		cl, err := classOf([]string{c.Arch}, c.ModelType)
		if err != nil {
			return err
		}
		what = cl.block
	}
	switch {
	case what != "":
	case c.Block != Block{}:
		what = "another block structure"
	case c.MLA.KVLoRA > 0:
		what = "latent attention"
	case c.MoE.Experts > 0:
		what = "experts"
	default:
		return nil
	}
	return &UnsupportedError{Archs: []string{c.Arch}, ModelType: c.ModelType, Block: what}
}

// UnsupportedError says that a config is of an architecture that belay does not know, or that it knows
// but cannot compute (Block then says why).
type UnsupportedError struct {
	Archs     []string
	ModelType string
	Known     []string
	Block     string
}

func (e *UnsupportedError) Error() string {
	have := fmt.Sprintf("architectures %q, model_type %q", e.Archs, e.ModelType)
	if e.Block != "" {
		return fmt.Sprintf("%s: belay converts these weights but does not compute with them yet: the layers have %s", have, e.Block)
	}
	return fmt.Sprintf("unknown architecture: %s; supported are %s", have, strings.Join(e.Known, ", "))
}
