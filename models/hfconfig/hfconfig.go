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

	Block // what is not as in a llama block
	MLA   MLA
	MoE   MoE

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

// Block is the structure of a layer; the zero value is the llama block.
type Block struct {
	Positions       string  // "" for rotary, "alibi", "learned"
	RotaryPart      float64 // turned share of a head; 0 means all of it
	RopeInterleaved bool    // pairs are (2i, 2i+1) instead of halves
	LocalRopeBase   float64 // of layers with a window; 0 means RopeBase
	LayerNorm       bool    // LayerNorm with bias instead of RMSNorm
	NormOffset      bool    // norms scale by 1 + weight
	Ungated         bool    // the MLP has no gate
	EmbedNorm       bool    // a norm follows the embedding
	PostNorms       bool    // norms at the end of both branches as well
	QKNorm          bool    // norms on the heads of q and k
	NormHead        bool    // rows of the head are normalised
	EmbedScale      float64 // factor on the embedding; 0 means 1
	BranchScale     float64 // factor on both branches; 0 means 1
	LogitScale      float64 // factor on the logits; 0 means 1
	QueryScale      float64 // factor on q k; 0 means 1/sqrt(QueryScalar)
	QueryScalar     float64 // 0 means HeadDim
	AttnSoftcap     float64 // c of c*tanh(x/c) on attention logits; 0 means none
	LogitSoftcap    float64 // likewise on the logits
}

// MLA are the sizes of multi-head latent attention; KVLoRA is 0 without it.
type MLA struct {
	QLoRA   int // rank of the query; 0 where q is one projection
	KVLoRA  int
	NopeDim int // part of a head without rotary positions
	RopeDim int
	VDim    int
}

// MoE are the sizes of a mixture of experts; Experts is 0 without one.
type MoE struct {
	Experts     int
	TopK        int
	FFN         int // width of an expert
	Shared      int // experts that every token takes
	FirstDense  int // layers before the first with experts
	Freq        int // every Freq-th layer has experts; 0 means every
	RouterBias  bool
	NormTopK    bool
	Groups      int
	TopKGroups  int
	RoutedScale float64
	Scoring     string
}

// SharedFFN is the width of all shared experts together.
func (c Config) SharedFFN() int { return c.MoE.Shared * c.MoE.FFN }

// ExpertLayer says whether a layer, counted over the whole model, has experts.
func (c Config) ExpertLayer(layer int) bool {
	m := c.MoE
	return m.Experts > 0 && layer >= m.FirstDense && layer%max(m.Freq, 1) == 0
}

// HasDenseLayers says whether some layer has an MLP instead of experts.
func (c Config) HasDenseLayers() bool {
	for l := range c.NumLayers {
		if !c.ExpertLayer(l) {
			return true
		}
	}
	return false
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
	if m := c.MLA; m.KVLoRA != 0 {
		size("kv_lora_rank", m.KVLoRA)
		size("qk_nope_head_dim", m.NopeDim)
		size("qk_rope_head_dim", m.RopeDim)
		size("v_head_dim", m.VDim)
		if m.QLoRA != 0 {
			size("q_lora_rank", m.QLoRA)
		}
	}
	if m := c.MoE; m.Experts != 0 {
		size("moe_intermediate_size", m.FFN)
		switch {
		case m.Experts < 0 || m.Experts > maxExperts:
			errs = append(errs, fmt.Errorf("num_experts: want a whole number from 1 to %d, have %d", maxExperts, m.Experts))
		case m.TopK < 1 || m.TopK > m.Experts:
			errs = append(errs, fmt.Errorf("num_experts_per_tok: want a whole number from 1 to the %d experts, have %d", m.Experts, m.TopK))
		}
		if m.Shared < 0 || m.Shared > maxExperts {
			errs = append(errs, fmt.Errorf("n_shared_experts: want a whole number from 0 to %d, have %d", maxExperts, m.Shared))
		}
		if m.FirstDense < 0 || m.FirstDense > maxLayers || m.Freq < 0 || m.Freq > maxLayers {
			errs = append(errs, fmt.Errorf("first_k_dense_replace %d, moe_layer_freq %d: want numbers from 0 to %d", m.FirstDense, m.Freq, maxLayers))
		}
	}
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
	maxExperts = 1 << 12
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
