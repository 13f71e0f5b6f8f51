// Package inference opens a checkpoint with its tokenizer and answers two questions about it: how
// likely is a continuation, and what comes next. The stages generate and benchmark share it, and so
// do the commands of the same names.
//
//	checkpoint directory (any format) -> Load -> decoder.Model (training begins here too)
//	checkpoint and tokenizer -> Open -> Runner
//	  -> LogLikelihood (contexts and continuations, one forward pass for those that share an input)
//	  -> Complete (greedy search or sampling, with a key/value cache; ends at tokens and texts)
//
// Continuations are tokenized, cut and scored as lm-evaluation-harness does, so that scores compare.
package inference
