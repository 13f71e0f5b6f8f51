// Package task holds the benchmarks: how each one's files are read, its prompts written and its
// answers judged.
//
// # Task
//
// A Task reads a data folder into subjects of items. An item is a context, the continuations to
// choose from, and the right one. Scoring is not a task's business: the stage asks a model for
// log-likelihoods or a completion and hands the outcome back.
//
//	data folder -> Task.Load -> []Subject -> prompt -> model -> judge -> table
//
// # Adding a benchmark
//
// Write NAME.go with a type that implements Task, add it to All in all.go, and give it a test with a
// made-up model.
package task
