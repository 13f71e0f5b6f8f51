// Package generate is the stage `generate`: answers of a model to prompts.
//
//	model + prompts (listed, or a file) -> template -> inference.Runner.Complete -> generations.jsonl
//
// # Decoding
//
// Decoding holds the parameters of decoding under the names, defaults and in the order of transformers'
// generation_config.json. Sampling draws from a counter-based generator keyed by seed and prompt, so an
// answer does not depend on the prompts around it.
//
// # Answer
//
// One line of the result: the prompt, the text, its number of tokens and what ended it.
package generate
