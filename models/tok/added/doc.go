// Package added finds the added tokens of a tokenizer, which are recognised in a text before anything else.
//
//	text -> Matcher.Cut -> parts: added tokens and the text between them
//
// # Token
//
// A text with an id and flags, as tokenizer.json and tokenizer_config.json write it.
//
// # Matcher
//
// Finds tokens from left to right, of those that begin at one place the longest, and cuts the text at them as their
// flags say.
package added
