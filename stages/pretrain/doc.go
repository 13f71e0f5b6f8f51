// Package pretrain is the stage `pretrain`: next-token training of a decoder on a token index.
//
//	checkpoint, or sizes and a seed -> decoder; token-index -> Megatron's document, sample and shuffle order
//	  [-> blend by weight] -> trainer.Train -> megatron-checkpoint (iter_NNNNNNN) and metrics (loss curve)
//
// # Size
//
// The sizes of a model that begins with random weights, for when there is no checkpoint to go on from.
//
// # Blend and Part
//
// Several token indexes in place of one. Each Part has a weight, or none has: then its weight is its number of tokens. A
// part is built with half a percent more samples than its share, and samples are dealt one by one to the part that lags its
// share most, as Megatron does with --data-path 0.3 a 0.7 b. A part of weight 0 is not read; Megatron may deal a sample of it.
//
// # Invariants
//
// The order of samples for a seed is Megatron core 0.6's, with a blend too, so the same recipe sees the same data there.
// Everything after the data, from micro batches to resume points, is package trainer's.
package pretrain
