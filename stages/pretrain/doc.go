// Package pretrain is the stage `pretrain`: next-token training of a decoder from a checkpoint on a
// token index.
//
//	checkpoint -> decoder; token-index -> Megatron's document, sample and shuffle order -> trainer
//	  -> megatron-checkpoint (iter_NNNNNNN) and metrics (loss curve)
//
// The order of samples for a seed is Megatron core 0.6's, so the same recipe sees the same data there.
package pretrain
