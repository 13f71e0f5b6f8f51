// Package generate is the stage `generate`: answers of a model to prompts.
//
//	model + prompts (listed, or a file) -> template -> decoding -> generations.jsonl
//
// Decoding follows the names, defaults and order of transformers' generation_config.json; sampling
// draws from a counter-based generator keyed by seed and prompt, so an answer does not depend on the
// prompts around it.
package generate
