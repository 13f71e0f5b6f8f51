// Package open finds the tokenizer of a model directory.
//
//	directory -> Dir -> tok.Tokenizer
//
// # Order
//
// tokenizer.json comes first, as in transformers' AutoTokenizer; vocab.json with merges.txt stands in for it. A
// directory with files of a format that is not read is an error that names them and says how to get
// tokenizer.json.
//
// # Where to add things
//
// A format: its own package, and its file in Dir.
package open
