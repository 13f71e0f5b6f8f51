// Package open finds the tokenizer of a model directory.
//
//	directory -> Dir or Slow -> tok.Tokenizer
//
// # Order
//
// Dir takes tokenizer.json first, as transformers' AutoTokenizer does, then tokenizer.model (SentencePiece, or ranks as
// GLM-4's), *.tiktoken, and vocab.json with merges.txt. Slow takes tokenizer.json last. Where AutoTokenizer would convert a lone
// tokenizer.model to its fast form, the slow class is used: they differ only for Llama's non-legacy form on texts
// that begin with a blank. A directory with files of a format that is not read is an error that names them and says
// how to get tokenizer.json.
//
// # Where to add things
//
// A format: its own package, and its file in others.
package open
