// Package megatron reads and writes Megatron's checkpoint directories, Legacy and Core.
//
//	dir -> Open -> Checkpoint -> Chunk (tensors of one pipeline chunk of one rank)
//	Spec + Files -> Create -> Writer -> dir
//
// # Directory
//
// latest_checkpointed_iteration.txt names the folder: iter_0000001 or release. In it lies one
// model_optim_rng.pt a rank, in mp_rank_TT, mp_rank_TT_PPP (pipelines), mp_rank_TT_EEE (experts without
// pipelines) or mp_rank_TT_PPP_EEE. Whether the second number is a pipeline or an expert rank is only
// known from the arguments in rank 0.
//
// # Chunk
//
// A Chunk is the model part that one rank runs in one go: all its layers, or one of several with
// virtual pipelines (keys model0, model1, ...). Its tensors have dotted names in both formats: Legacy's
// nested dictionaries are joined (language_model.encoder.layers.0....), and layers count from 0 in each
// chunk. Entries without a tensor (_extra_state) are listed apart.
//
// # Writer
//
// A Writer declares every rank's tensors first and takes their elements in any order. The folder
// appears under its name when all files are complete, and the tracker is written last, so a crash
// leaves the checkpoint before it in force.
package megatron
