// Package generate continues prompts: batched greedy search and sampling, and beam search.
//
//	prompts -> decoder.Session (slots) -> sample.Sampler -> stop? -> Result
//
// # Run
//
// Run keeps up to Slots sequences going; when one ends the next prompt takes its slot. A result does
// not depend on what ran beside it, as long as no two tokens are equally likely to the last bits.
//
// # Beam
//
// Beam follows transformers' beam search: candidates are max(2, 1 + number of eos) times the beams;
// a finished sequence scores the sum of its log-probabilities over length^LengthPenalty, the length
// counting generated tokens with the eos.
//
// # Stop
//
// Token ids stop here; stop strings are a matter of text, so a caller that decodes stops a sequence
// from its Token function.
package generate
