// Package tiny makes what tests of stages work on: a random model of a few thousand parameters with a
// tokenizer, a token index, instruction data, and a sink that remembers events.
//
//	Config -> Model -> Hugging Face directory -> Megatron -> checkpoint directory
package tiny
