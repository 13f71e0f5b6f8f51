package chat

import "github.com/belay-ml/belay/models/tok"

// Format writes conversations as the ids of a model. Bound is the one of named templates, and package hf has one for
// a model's own Jinja template. Implementations are safe for concurrent use.
type Format interface {
	// Tokenizer is the tokenizer with the format's tokens added.
	Tokenizer() tok.Tokenizer
	// EOS is the id that ends an answer, PAD the one that fills batches, and Stops are those at which
	// generation ends, eos first.
	EOS() int32
	PAD() int32
	Stops() []int32
	// Room is the number of ids to which conversations are cut, 0 for none.
	Room() int
	// Encode writes a conversation of an even number of messages to d, as rounds; a last one without a Target holds
	// what follows the last answer. An empty system text means the format's own; tools is a JSON list or empty.
	Encode(d *Dialogue, messages []Message, system, tools string) error
	// AppendLabels appends the labels of d to dst.
	AppendLabels(dst Labels, d *Dialogue, learn Learn) Labels
	// Prompt writes a conversation that ends with a user's message (or an observation), up to where the model
	// answers.
	Prompt(messages []Message, system, tools string) ([]int32, error)
}

var _ Format = (*Bound)(nil)
