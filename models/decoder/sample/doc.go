// Package sample picks the next token from logits, with the semantics of transformers' generate.
//
//	logits -> Penalise (what was said) -> Warp (temperature, top-k, top-p, min-p, typical) -> draw
//
// # Order
//
// Penalise: repetition penalty, no-repeat n-gram, minimum length, suppressed tokens. Greedy search
// takes the maximum of that, the lowest id among equals. Sampling goes on with temperature, top-k,
// top-p, min-p and typical, each on what the one before left.
//
// # Randomness
//
// One uniform number a token, from Philox4x32-10: the key is the seed, the counter is (step, request),
// and the number has 53 bits of the first two words. The token is the first, in order of ids, at which
// the cumulative weight exp(score - max) exceeds that share of the total, in float64. A token depends
// on the seed, the request's index, the step and the scores, never on other requests.
package sample
