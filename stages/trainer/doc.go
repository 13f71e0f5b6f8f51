// Package trainer is the training loop that pretraining and fine-tuning share.
//
//	Batches (samples in Megatron's order) -> micro batches -> decoder.Batch.Step -> clip -> AdamW
//	      -> curve (loss, learning rate, gradient norm) -> resume point -> checkpoint
//
// # Hyper
//
// Hyper holds the shared parameters under Megatron's names; both stages embed it.
//
// # Resume point
//
// An interrupted run leaves resume/NNNNNNN/ in its working directory: the trained tensors and both
// moments as safetensors, and state.json with the iteration and the curve so far. The next run with
// the same key goes on from it and ends with the same weights to the last bit, because everything a
// step depends on is in there or derived from the iteration number. A point is written beside its
// place and renamed, so there is always a whole one.
//
// # Curve
//
// train.jsonl has one line an iteration: what a rerun would reproduce, no times. Tokens a second go
// to the run's events alone.
package trainer
