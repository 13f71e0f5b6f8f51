// Command belay takes a large-language-model project from raw material to a scored model by one
// recipe.
//
//	flags -> dsl/compile (recipe -> graph) -> engine/sched (keys, store, stages) -> links, run.json, report.html
//
// # From here to the matrix multiply
//
// Six hops, each to be followed by the name of a function:
//
//	cmd/belay          app.run compiles the recipe and hands the graph to sched.Run
//	engine/sched       finds what is stale and calls Run of its engine.Stage
//	stages/pretrain    Stage.Run loads a model and hands batches to trainer.Train
//	stages/trainer     an iteration: decoder.Batch.Step for each micro batch, then clipping and AdamW
//	models/decoder     the architecture, forward and backward, over op.Backend
//	ascend/cpu         Backend.MatMul cuts a product into blocks for its threads
//	ascend/cpu/kernel  Set.Gemm packs a block and multiplies, in assembly where the processor has AVX2
//
// # Command
//
// One file a command: newRun in run.go, newPlan in plan.go, and so on. wire.go is the only file that
// knows all branches: the list of stages, the compute backend, the command tree. main.go turns errors into
// exit codes.
//
// # Output
//
// Results go to stdout, as JSON with --json; progress, messages and diagnostics go to stderr.
//
// # Where to add things
//
// A command: its file with a constructor, and its line in newRoot. Its proof is a script in
// testdata/script. A stage is added in stages/all, not here.
package main
