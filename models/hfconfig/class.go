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
	// kvHeads is assumed when num_key_value_heads is absent; 0 means as many as query heads.
	kvHeads int
	// maxPositions is assumed when max_position_embeddings is absent.
	maxPositions int
	// bias names the flag that puts a bias on q, k, v and o ("" when the class has none).
	bias string
	// qkvBias is set where q, k and v always have a bias and o never.
	qkvBias bool
	// mlpBias is set where the mlp_bias flag exists.
	mlpBias bool
	// window says how the class uses sliding_window.
	window windowUse
}

// windowUse says which layers look at sliding_window.
type windowUse uint8

const (
	windowNever  windowUse = iota
	windowAlways           // every layer, when the value is not null
	windowSwitch           // only with use_sliding_window, from layer max_window_layers on
)

// classes lists what Parse accepts.
func classes() []class {
	return []class{
		{archs: []string{"LlamaForCausalLM"}, modelType: "llama", normEps: 1e-6, maxPositions: 2048, bias: "attention_bias", mlpBias: true},
		{archs: []string{"MistralForCausalLM"}, modelType: "mistral", normEps: 1e-6, maxPositions: 4096 * 32, kvHeads: 8, window: windowAlways},
		{archs: []string{"Qwen2ForCausalLM"}, modelType: "qwen2", normEps: 1e-6, maxPositions: 32768, kvHeads: 32, qkvBias: true, window: windowSwitch},
		{archs: []string{"AquilaForCausalLM", "AquilaModel"}, modelType: "aquila", normEps: 1e-6, maxPositions: 2048, bias: "attention_bias", mlpBias: true},
		{archs: []string{"InternLMForCausalLM"}, modelType: "internlm", normEps: 1e-6, maxPositions: 2048, bias: "bias"},
	}
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

// UnsupportedError says that a config is of an architecture that belay does not know.
type UnsupportedError struct {
	Archs     []string
	ModelType string
	Known     []string
}

func (e *UnsupportedError) Error() string {
	have := fmt.Sprintf("architectures %q, model_type %q", e.Archs, e.ModelType)
	return fmt.Sprintf("unknown architecture: %s; supported are %s", have, strings.Join(e.Known, ", "))
}
