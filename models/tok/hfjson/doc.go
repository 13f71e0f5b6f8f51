// Package hfjson reads and writes tokenizer.json, the file format of Hugging Face's tokenizers library.
//
//	text -> added tokens -> normalizer -> added tokens -> pre-tokenizer -> model -> post-processor -> ids
//	ids -> token texts -> decoder -> text
//
// # Document
//
// The file, read in one pass without a tree: the vocabulary and merges are most of it. Limits on its
// size, its nesting and on sparse ids keep memory in the order of the file. An option or a
// part that is not known is an error which names it; nothing is read and ignored, except for what concerns
// offsets, truncation and padding, which no caller asks for.
//
// # Component
//
// A normalizer, pre-tokenizer, post-processor or decoder, by its type. Each kind has one file; a new
// type is one case in its constructor. Lists of components are flattened.
//
// # Model
//
// BPE by package bytebpe; Unigram, WordPiece and WordLevel are segmenters of this package, one file each.
//
// # Parts
//
// A byte-level tokenizer that comes from elsewhere (package tiktoken) and is put together with New.
//
// # Configuration
//
// Package config reads it. Some classes of transformers change a tokenizer.json when they load it (Llama's and Gemma's
// bos and eos, GPT-2's blank in front). clean_up_tokenization_spaces is not applied: it is lossy.
//
// # Spec
//
// A byte-level BPE tokenizer to be written, as bytebpe.Train makes it.
//
// Invariants: a Tokenizer is immutable and safe for concurrent use; ids equal the library's; Encode allocates
// nothing once warm when the pre-tokenizer is one of the well-known patterns and the text is normalised, or when the
// normaliser only writes SentencePiece's mark for blanks.
package hfjson
