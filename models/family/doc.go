// Package family describes the architectures that belay converts and runs, as data.
//
//	data/*.yaml, a user's directory -> Load -> Registry -> Recognise / Named -> Family
//
// # Family
//
// A Family says which Hugging Face architectures it is, which canonical tensors its model has (shape in
// symbols, tensor-parallel axis), and by which names and transforms they are stored in Hugging Face,
// Megatron-Legacy and Megatron-Core checkpoints; further its tokenizer, chat template, and published sizes
// with the figures of the model table. `like: other` inherits everything that a file does not say itself;
// matching, aliases and sizes are never inherited.
//
// # Features
//
// `block:` lists what the layers always or maybe have (gated, qkv_bias, experts, mla, ...), and `if:` ties
// tensors and rules to features. FeaturesOf reads those of a model off its config; Contradicts says where
// a config and a family do not fit. So one list of tensors and Megatron names, in llama.yaml, serves all
// families, and most files hold Hugging Face names only.
//
// # Rule
//
// A Rule ties one stored tensor to one or more canonical tensors. `{l}` stands for the layer: global in
// canonical and Hugging Face names, counted from the chunk's first layer in Megatron names. The
// transforms of `by` (package convert) go from canonical to stored, in order; each has an inverse, so a
// rule reads both ways. `{e}` stands for the expert, counted from the rank's first in Megatron names;
// `experts:` marks a stored tensor that holds all experts of a rank.
//
// # Where to add things
//
// A new family is a new file in data/, or in a directory given to Load, unless its tensors are packed
// in a way that no transform knows yet. Load checks every file: unknown keys, unknown transforms,
// canonical tensors that no rule stores or that two rules store.
package family
