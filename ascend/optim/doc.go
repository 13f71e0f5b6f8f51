// Package optim is the arithmetic of an optimizer around its update: learning rates and weight decay
// over the run, clipping, and which parameters decay. The update itself is op.Update.AdamW.
//
// # Plan
//
// A Plan is what people configure: iterations or samples, warm-up, batch ramp. [Plan.Schedule]
// derives the Schedule from it and reports what does not go together.
//
// # Schedule
//
// A Schedule gives the learning rate and the weight decay after n samples. It is a value without
// state; how many samples are done belongs to the trainer, and to its checkpoint as a State.
//
// # Group
//
// A Group modifies both for some parameters.
//
// # Data flow
//
//	Plan -> Schedule (-> State -> Schedule, on resuming) -> LR(n, group), WeightDecay(n, group) -> op.AdamW
//
// # Why
//
// The unit is samples, not iterations, and the order of the arithmetic is Megatron-LM's (its
// OptimizerParamScheduler), so that runs continue from its checkpoints with the same numbers.
package optim
