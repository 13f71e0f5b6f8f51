// Package toktest has a tokenizer for tests that read ids as text.
//
//	text -> Letters.Encode -> an id for each byte, and for each added token -> Decode -> the same text
package toktest
