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
// # Formats
//
// hfjson reads tokenizer.json over the merge engine of bytebpe and the scanners of pretok. Another
// format is one package that returns a Tokenizer and one entry in package open.
package tok
