// Package offset says where in a text the tokens of its encoding stand.
//
//	text, ids of Tokenizer.Encode -> Find -> a Span for each id
//
// The tokenizers do not keep offsets: encoding stays as fast as it is, and only who needs them (masks of chat templates,
// belay render) pays, by laying the tokens' own texts along the text. Where a normaliser changed the text, the tokens of
// the changed stretch all get the whole stretch. Blanks that a tokenizer drops belong to no token.
package offset
