// Package corpus reads and writes token indexes and deals training samples from them.
//
// # Index and Writer
//
// A token index is a pair PREFIX.bin, PREFIX.idx in Megatron's MMIDIDX format: ids one after another,
// and the lengths, positions and document boundaries of the sequences. Writer streams one and
// publishes it by rename; with a working directory it can go on from a Mark. Open checks every entry before anything is
// read through it, through a memory map: lengths and positions are never copied. Merge joins pairs, and passes the mode
// bytes of multimodal data on.
//
// # GPT and Blend
//
// GPT cuts an index into pretraining samples of SeqLength+1 ids, in the order that Megatron core 0.6
// draws with the same seed (numpy's RandomState, rebuilt in MT19937). Blend mixes several by weight. The maps are 4 bytes
// an entry of documents and shuffled samples, and 8 a sample; a cache keeps them in NumPy files, which are mapped.
//
// # Instructions and Collator
//
// Instructions reads the three indexes of fine-tuning data (input ids, attention mask, labels) as
// samples; Collator makes batches of them, padded to a multiple on either side, with labels shifted and every document of
// a pack apart (positions that begin again, and the cumulative ends that attention kernels take).
//
// # Samplers and Ramp
//
// Sequential and Random give each data-parallel rank its samples from a count of consumed ones on;
// Ramp is the batch size while it grows.
//
//	files -> Open -> GPT (document, sample, shuffle maps) [-> Blend] -> Item -> LayOut -> trainer
//	files -> OpenInstructions -> Part -> sampler -> Collator -> trainer
//
// # Lengths of packed samples
//
// A pack is one sequence of the indexes that holds several samples. Their lengths, which the
// reference throws away, stand in a fourth index, PREFIX_packed_lengths.bin/.idx: sequence i holds
// the lengths of the samples of pack i in order, padding left out. The name does not match
// PREFIX_packed_*_document*, so that Megatron's reader does not take it for a field.
//
// # Why
//
// Cases in which the reference never returns (a part of a split without tokens) are errors here.
// The cache of maps has the names that Megatron gives such files, but a description of its own, which holds the digest of
// the .idx: Megatron takes files of an index that has changed since.
//
// TestMegatronCoreReadsTheSame lets megatron-core open what is written here, where a Python has it ($BELAY_PYTHON).
package corpus
