// Package llamafactory reads configurations of LLaMA-Factory, YAML or JSON: training (pt and sft, full or lora), export, chat and
// evaluation.
//
//	pos.File -> ast.Parse -> config -> what it asks for -> train | export | chat | evaluate -> []foreign.Job
//	a model on a hub -> hf-download; sets of dataset_info.json -> preprocess; training -> finetune | pretrain
//
// # config
//
// One file's keys. A key is taken once; what is never taken goes to the job's own stage by name, or is left.
//
// # Reader
//
// Several files that make one recipe, which share what they download.
//
// # Invariants
//
// Every key becomes a setting or is left with a reason. Defaults of LLaMA-Factory that differ from belay's are written out.
//
// # Where to add things
//
// A key that is a parameter by another name: renamed in keys.go. A key that nothing here corresponds to: reasons in keys.go.
package llamafactory
