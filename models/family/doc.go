// Package family describes the architectures that belay converts and runs, as data.
//
//	data/*.yaml, a user's directory -> Load -> Registry -> Recognise / Named -> Family
//
// # Family
//
// A Family says which Hugging Face architectures it is, which canonical tensors its model has (shape in
// symbols, tensor-parallel axis), and by which names and transforms they are stored in Hugging Face,
// Megatron-Legacy and Megatron-Core checkpoints. `like: other` inherits everything that a file does not
// say itself; matching is never inherited.
//
// # Rule
//
// A Rule ties one stored tensor to one or more canonical tensors. `{l}` stands for the layer: global in
// canonical and Hugging Face names, counted from the chunk's first layer in Megatron names. The
// transforms of `by` (package convert) go from canonical to stored, in order; each has an inverse, so a
// rule reads both ways.
//
// # Where to add things
//
// A new family is a new file in data/, or in a directory given to Load, unless its tensors are packed
// in a way that no transform knows yet. Load checks every file: unknown keys, unknown transforms,
// canonical tensors that no rule stores or that two rules store.
package family
