package tok

// Tokenizer turns text into token ids and back. Implementations are safe for concurrent use.
type Tokenizer interface {
	// Encode appends the ids of text to dst. With special set, the post-processor adds its tokens
	// (bos, ...), as the reference's call does by default. Added tokens that stand in the text are
	// always recognised.
	Encode(dst []int32, text string, special bool) []int32
	// Decode is the text of ids; skipSpecial leaves special tokens out.
	Decode(ids []int32, skipSpecial bool) string
	// VocabSize is one more than the largest id, added tokens included.
	VocabSize() int
	// ID is the id of a token by its exact text, and whether there is one.
	ID(token string) (int32, bool)
	// Token is the text of an id as the vocabulary has it ("" when there is none).
	Token(id int32) string
	// Special gives the ids that tokenizer_config.json and special_tokens_map.json name; -1 when absent.
	Special() Special
	// Add makes text a special token, with the next free id when the vocabulary lacks it, and returns a
	// new tokenizer and the id; the receiver does not change. Prompt templates need it (stop words).
	Add(text string) (Tokenizer, int32)
}

// Special holds the ids of the tokens with a role; -1 means that there is none.
type Special struct {
	BOS, EOS, PAD, UNK int32
}
