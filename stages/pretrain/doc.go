// Package pretrain is the stage `pretrain`: next-token training of a decoder on a token index.
//
//	checkpoint, or sizes and a seed -> decoder; token-index -> Megatron's document, sample and shuffle order
//	  -> trainer.Train -> megatron-checkpoint (iter_NNNNNNN) and metrics (loss curve)
//
// # Size
//
// The sizes of a model that begins with random weights, for when there is no checkpoint to go on from.
//
// # Invariants
//
// The order of samples for a seed is Megatron core 0.6's, so the same recipe sees the same data there.
// Everything after the data, from micro batches to resume points, is package trainer's.
package pretrain
