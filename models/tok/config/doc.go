// Package config reads what stands beside a tokenizer's vocabulary: tokenizer_config.json and special_tokens_map.json.
//
//	directory -> Open -> Config
//
// # Config
//
// The class, the tokens with a role, tokens beyond those of the vocabulary, and the switches that bear on ids. What
// concerns truncation, padding and chat templates is left to others.
package config
