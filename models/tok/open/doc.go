// Package open finds the tokenizer of a model directory.
//
//	directory -> Dir -> tok.Tokenizer
//
// tokenizer.json comes first, as in transformers' AutoTokenizer. To add a format, write its package and
// put it in Dir.
package open
