// Package trainer is the training loop that pretraining and fine-tuning share.
//
//	Batches (samples in Megatron's order) -> micro batches -> decoder.Batch.Step -> clip -> AdamW
//	      -> curve (loss, learning rate, gradient norm) -> resume point -> checkpoint
//
// # Hyper and Layout
//
// Hyper holds the shared parameters under Megatron's names, Layout says how the result is cut into rank
// files; both stages embed them. Hyper.Check and the rehearsal that Run begins with find what cannot
// work before the first iteration, not after the last.
//
// # Job
//
// A Job is a model, its data and its parameters. Run trains it; Train is a whole stage: it trains and writes the ports.
//
// # Resume point
//
// An interrupted run leaves resume/NNNNNNN/ in its working directory: the trained tensors and both
// moments as safetensors, and state.json with the iteration, the curve so far and the checksums of
// both files. The next run with the same key goes on from it and ends with the same weights to the
// last bit, because everything a step depends on is in there or derived from the iteration number. A
// point is written beside its place and renamed, so there is always a whole one; a damaged one is
// passed over with a warning, and nothing of it reaches the model.
//
// # Loss
//
// The loss of an iteration is the mean over micro batches of the mean over counted tokens. A micro
// batch in which nothing counts weighs nothing; an iteration of such alone has no loss, and on_nan
// says what follows.
//
// # Curve
//
// train.jsonl has one line an iteration: what a rerun would reproduce, no times. Tokens a second go
// to the run's events alone.
package trainer
