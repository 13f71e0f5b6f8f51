// Package inference opens a checkpoint with its tokenizer and answers two questions about it: how
// likely is a continuation, and what comes next. The stages generate and benchmark share it, and so
// do the commands of the same names.
//
//	checkpoint directory (any format) -> Open -> Runner
//	  -> LogLikelihood (contexts and continuations, one forward pass for those that share an input)
//	  -> Complete (greedy, sampling or beams, with a key/value cache)
//
// Continuations are tokenized, cut and scored as lm-evaluation-harness does, so that scores compare.
package inference
