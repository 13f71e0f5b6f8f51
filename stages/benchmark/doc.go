// Package benchmark is the stage `benchmark`: a model's score on a task.
//
//	model + data folder -> task.Load -> prompts -> log-likelihoods or answers -> results.json, samples.jsonl
//
// # Protocols
//
// loglikelihood compares the probabilities of the choices, as lm-evaluation-harness does. generate
// lets the model write and extracts the choice from its text, as MindSpeed-LLM does.
//
// # Data
//
// data is the folder with a folder for each split, or that of the split itself. Few-shot examples come
// from dev/ in the former: a stage reads nothing outside its inputs.
//
// # Output
//
// metrics.json holds the total's numbers, which the conditions of other stages may read; results.json the task, its
// settings and the metrics with standard errors; results.csv one row a subject and the total; samples.jsonl every
// question with what the model made of it.
package benchmark
