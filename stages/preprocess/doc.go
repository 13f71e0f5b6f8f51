// Package preprocess is the stage that turns data files into a token index.
//
// # Data flow
//
//	sources -> streams (files, weight, max_samples) -> mixer -> batches of raw records
//	      -> workers: record.Decode, rowexpr (filter, map), handler.Encode (template, tokenizer)
//	      -> one collector, in input order -> sink -> corpus.Writer -> PREFIX_*.bin/.idx, manifest.json
//
// Reading, encoding and writing overlap. Batches wait in channels of fixed size and are used again, so memory does not
// grow with the input; packing, which needs all lengths before the first pack, keeps samples where the workers made them
// (spool), and moves them to the stage's working directory when they are many.
//
// # Memory
//
//	chunk of a file (record.Raw, until Release) -> texts of a Record, in the same bytes -> handler.Memory of the batch -> sink
//
// The collector touches ids only to write them: they come from another processor's cache. A sink that keeps documents says so
// (keeps), and workers then put them into memory that stays.
//
// # Checkpoint
//
// Output waits in the working directory, which the engine keeps for a run that was cut short. Every checkpointEvery ids, and
// when the run is cancelled, checkpoint.json there says how far the input has come, with all counts and the Mark of each
// index. Another attempt reads the input again up to there without encoding it, cuts the indexes to their marks and
// goes on; the key vouches for the input and the parameters. What does not fit is begun anew. A run that ends before its
// first checkpoint makes none.
//
// # Invariants
//
// The output bytes depend on the input and the keyed parameters alone: not on workers, time, host or
// where files lie (compat apart, see below). An error names the file and the line.
//
// # Sources
//
// A source is a part of the data with its own columns, filter and weight; input alone is one. A stream counts the records
// of a source in its files' order: filter first, then max_samples takes the first of those, then weight w takes all of
// them floor(w) times over, and of the rest of the weight a part, chosen by the seed in one more pass (selection sampling:
// every choice is as likely). Streams follow one another, or a mixer draws records by weight. Where a weight has no
// fraction and there is no max_samples, filter runs in the workers.
//
// Without map_keys and with other columns than a style's own, the usual names are recognised and told (detect); never with
// compat.
//
// # Wrong records
//
// A record.Mistake is one record's fault, and with on_error: skip it is left out, counted by its reason and shown once in the
// manifest, up to max_errors (tolerance). Any other error of a reader ends the run: what follows cannot be trusted.
//
// # Files
//
// Running text: PREFIX_KEY_document.{bin,idx}, or PREFIX_KEY_sentence with split_sentences (package sentence).
// Instructions: PREFIX_packed_{input_ids,attention_mask,labels}_document.{bin,idx} ("packed" whether packed or
// not, as the reference names them), and when packed PREFIX_packed_lengths.{bin,idx} (see corpus).
//
// # Compat
//
// `compat: rc3` writes what MindSpeed-LLM 1.0.RC3 writes, byte for byte; that includes reading a
// folder in the order of the file system, with a warning where it is not the order of names. Without it:
//
//   - packs carry the labels and masks of their samples (RC3 writes input ids into all three files);
//   - a sample as long as seq_length makes a pack of its own (RC3 never ends), and one that is as long
//     is not dropped; longer ones are dropped or cut, by on_long, and counted;
//   - a record that is left out leaves no empty document, and its place does not affect other columns;
//   - padding is the tokenizer's pad id with mask 0 (RC3: id 0 with mask 1);
//   - what package handler lists (TestDefects): history, empty and null fields, doubled ends of documents, masks that end
//     where the answer begins, and package chat: placeholders in messages, ChatGLM's tools, templates with bos.
//
// # Options of the reference
//
// All of its script's options are parameters or aliases of one. Those that change nothing say so when they are given
// (Reference); what cannot be had is refused with the way out. Data sets of a dataset_info.json (Datasets) become
// sources, interleaved by the numbers that numpy's generator draws from the same seed (pcg64).
//
// # Where to add things
//
// A kind of record: package handler. A format of files: package record. What is done to a record before it is encoded:
// package rowexpr, or a field of Source.
package preprocess
