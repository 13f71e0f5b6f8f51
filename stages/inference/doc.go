// Package inference opens a checkpoint with its tokenizer and answers two questions about it: how
// likely is a continuation, and what comes next. The stages generate and benchmark share it, and so
// does the command `belay generate`.
//
//	checkpoint directory (any format) -> Load -> decoder.Model (training begins here too)
//	checkpoint and tokenizer -> Open -> Runner
//	  -> LogLikelihood (contexts and continuations, one forward pass for those that share an input)
//	  -> Complete (greedy search or sampling, with a key/value cache; ends at tokens and texts)
//
// # Runner
//
// A model with its tokenizer on a backend. LogLikelihood scores Requests, Complete continues prompts.
//
// # Prompter
//
// Turns messages into the ids of a prompt: through a prompt template, or as plain text.
//
// # Invariants
//
// Continuations are tokenized, cut and scored as lm-evaluation-harness does, so that scores compare.
package inference
