// Package spm reads SentencePiece models and encodes as the C++ library does.
//
//	.model file -> Parse -> Model
//	text -> normalizer -> pieces (BPE or unigram) -> byte tokens for what is unknown -> ids
//	pieces -> Decode -> text
//
// # Model
//
// The pieces with scores and types, and the specifications of training and normalising that bear on ids, read from
// the protobuf message ModelProto by a reader of this package. A Model is immutable and safe for concurrent use.
//
// # Normalizer
//
// Maps characters by the precompiled table (Charsmap), removes blanks, puts the dummy blank in front (or behind) and
// writes ▁ for a blank. User-defined pieces pass through it untouched.
//
// # BPE
//
// Neighbours whose text is a piece merge, the best score first, the leftmost among equals. Scores become ranks and
// merges, so that package bytebpe does it; models with unused pieces, or with characters that are no pieces, go
// through a plain copy of the definition.
//
// # Unigram
//
// The best path by the sum of scores, kept in single precision and compared as the library compares it: of equal
// sums the path that was found first wins.
//
// Invariants: ids equal those of sentencepiece 0.2.0; an invalid byte of the text counts as U+FFFD; nothing is
// allocated in Encode once warm.
//
// WORD and CHAR models are not supported: no supported family has one. A new model type is one file and one case
// in Parse.
package spm
