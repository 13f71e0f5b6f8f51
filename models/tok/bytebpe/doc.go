// Package bytebpe merges symbols into tokens by rank (byte-pair encoding) and learns such merges.
//
//	words with counts -> Train -> vocabulary and merges
//	tokens with ranks -> Derive -> merges
//	vocabulary and merges -> New -> Model; a piece of text -> Model.Append -> ids
//
// # Model
//
// The merge engine of one vocabulary. In byte mode (GPT-2, Llama 3, Qwen) the symbols at the start are
// the bytes of the text; in rune mode (vocabularies converted from SentencePiece, as Llama 2's) they are
// its runes, with byte tokens or the unknown token for a rune that the vocabulary lacks. The adjacent
// pair of lowest rank is merged first, the leftmost among equals, until no pair has a rank: the
// semantics of the tokenizers library's BPE model. A Model is immutable and safe for concurrent use.
//
// A piece is cut first wherever no merge can reach across (joins): so that the runs of scripts without blanks come from
// the cache of words as well.
//
// # Scratch
//
// The working memory of one encoding goroutine, with a fixed-size cache of recent words in it, so that
// the hot path takes no lock and leaves no garbage. A Model keeps a handful of them for reuse.
//
// # Alphabet
//
// GPT-2's map of bytes to printable runes, in which byte-level vocabularies are written down.
package bytebpe
