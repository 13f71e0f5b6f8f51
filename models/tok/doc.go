// Package tok defines the tokenizer interface and the streaming decoder.
//
//	text -> Tokenizer.Encode -> ids -> Tokenizer.Decode -> text
//	ids, one at a time -> Decoder.Push -> text, in whole runes
//
// # Tokenizer
//
// What stages and prompt templates use; package open finds the files of one. It stands apart from this
// package because the formats import this one.
//
// # Decoder
//
// Decodes a growing sequence and never shows half a character.
//
// # Offsets
//
// Encoding keeps none. Package offset finds where tokens stand in their text, for masks of chat templates.
//
// # Formats
//
//	open -> hfjson    tokenizer.json, vocab.json with merges.txt, vocab.txt
//	        slow      tokenizer.model by transformers' Python classes, over spm (the SentencePiece library)
//	        tiktoken  rank files, put to work by hfjson
//	all  -> bytebpe (merges), trie (tokens that a text begins with), pretok (words), added (added tokens), config
//	        (tokenizer_config.json and its neighbours)
//
// Another format is one package that returns a Tokenizer and one entry in package open.
//
// # Proof
//
// The goldens (package open), and per format what the reference's library made of random texts, with the script that
// asked it: spm/testdata, slow/testdata and hfjson/testdata hold small sets, and the variable in each library_test.go or
// slow_test.go points at a larger one. testdata/bench/tok compares speed and ids with the peers.
package tok
