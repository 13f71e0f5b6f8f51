// Package tiktoken reads rank files: lines of a token's bytes in base64 and its rank, which is its id.
//
//	rank file -> Parse -> tokens -> merges (bytebpe.Derive) -> tokenizer (hfjson.New)
//
// # Ranks
//
// The tokens of a file. Neighbours merge when together they are a token, the lowest rank first; a word that is a
// token is taken as it stands.
//
// # Kind
//
// What is not in the file: the pattern of words, the special tokens, and what stands in front of a text. Qwen's
// (*.tiktoken: text is normalised to NFC first) and GLM-4's (tokenizer.model; its tokens stand in
// tokenizer_config.json) are known. A further one is one case in kindOf.
//
// Limits: the size of the file, of a token, and no rank far beyond the number of lines.
package tiktoken
