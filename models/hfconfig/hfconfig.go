package hfconfig

import (
	"errors"
	"fmt"
	"strings"
)

// Config is a decoder's hyper-parameters in canonical form.
type Config struct {
	Family    string // family name of models/family ("llama2"); "" when unknown
	ModelType string // config.json model_type
	Arch      string // first entry of architectures

	NumLayers    int
	Hidden       int
	FFN          int // width of one feed-forward branch
	NumHeads     int
	NumKVHeads   int // query groups; equal to NumHeads without grouped-query attention
	HeadDim      int
	Vocab        int
	MaxPositions int

	NormEps     float64
	RopeBase    float64
	RopeScaling *RopeScaling
	// SlidingWindow is the number of keys, itself included, that a query sees; 0 means all before it.
	SlidingWindow int
	// LayerWindows holds one window a layer where the layers differ; nil means SlidingWindow everywhere.
	LayerWindows  []int
	Activation    string // "silu", "gelu_tanh", "gelu_erf"
	QKVBias       bool
	OutBias       bool // bias of the attention output projection
	MLPBias       bool
	TieEmbeddings bool

	DType string // torch_dtype: "float32", "bfloat16", "float16"; "" when absent
	BOS   []int32
	EOS   []int32
	PAD   int32 // -1 when absent

	Raw map[string]any // the document as read, numbers as json.Number
}

// RopeScaling stretches rotary embedding beyond the trained length.
type RopeScaling struct {
	Kind            string // "linear", "llama3", "dynamic", "yarn"
	Factor          float64
	LowFreqFactor   float64
	HighFreqFactor  float64
	OriginalMaxPos  int
	BetaFast        float64
	BetaSlow        float64
	AttentionFactor float64
	MScale          float64
	MScaleAllDim    float64
}

// Window is the sliding window of a layer; 0 means none.
func (c Config) Window(layer int) int {
	if c.LayerWindows != nil {
		return c.LayerWindows[layer]
	}
	return c.SlidingWindow
}

// Check says what is wrong with the sizes, every finding in one error. Parse has called it.
func (c Config) Check() error {
	var errs []error
	size := func(name string, v int) {
		if v <= 0 || v > maxDim {
			errs = append(errs, fmt.Errorf("%s: want a whole number from 1 to %d, have %d", name, maxDim, v))
		}
	}
	size("num_hidden_layers", c.NumLayers)
	size("hidden_size", c.Hidden)
	size("intermediate_size", c.FFN)
	size("num_attention_heads", c.NumHeads)
	size("num_key_value_heads", c.NumKVHeads)
	size("head_dim", c.HeadDim)
	size("vocab_size", c.Vocab)
	if c.NumLayers > maxLayers {
		errs = append(errs, fmt.Errorf("num_hidden_layers: %d is more than %d", c.NumLayers, maxLayers))
	}
	if c.HeadDim > maxHeadDim {
		errs = append(errs, fmt.Errorf("head_dim: %d is more than %d", c.HeadDim, maxHeadDim))
	}
	if c.NumKVHeads > 0 && c.NumHeads%c.NumKVHeads != 0 {
		errs = append(errs, fmt.Errorf("num_key_value_heads: %d does not divide num_attention_heads %d", c.NumKVHeads, c.NumHeads))
	}
	if !(c.NormEps >= 0 && c.NormEps < 1) {
		errs = append(errs, fmt.Errorf("rms_norm_eps: want a number from 0 to 1, have %g", c.NormEps))
	}
	if !(c.RopeBase > 0) {
		errs = append(errs, fmt.Errorf("rope_theta: want a positive number, have %g", c.RopeBase))
	}
	if c.SlidingWindow < 0 {
		errs = append(errs, fmt.Errorf("sliding_window: want a positive number or null, have %d", c.SlidingWindow))
	}
	if c.LayerWindows != nil && len(c.LayerWindows) != c.NumLayers {
		errs = append(errs, fmt.Errorf("layer_types: %d entries for %d layers", len(c.LayerWindows), c.NumLayers))
	}
	if _, ok := activations[c.Activation]; !ok {
		errs = append(errs, fmt.Errorf("hidden_act: %q is not one of silu, gelu_tanh, gelu_erf", c.Activation))
	}
	return errors.Join(errs...)
}

// Limits of a document: a page of text must not ask for gigabytes.
const (
	MaxSize    = 4 << 20 // bytes
	maxDim     = 1 << 24
	maxLayers  = 4096
	maxHeadDim = 1 << 14
)

// activations maps the canonical spelling to the one written to config.json.
var activations = map[string]string{"silu": "silu", "gelu_tanh": "gelu_pytorch_tanh", "gelu_erf": "gelu"}

// activation is the canonical spelling of transformers' names of activations.
func activation(name string) (string, bool) {
	switch strings.ToLower(name) {
	case "silu", "swish":
		return "silu", true
	case "gelu_pytorch_tanh", "gelu_new", "gelu_fast":
		return "gelu_tanh", true
	case "gelu":
		return "gelu_erf", true
	}
	return "", false
}
