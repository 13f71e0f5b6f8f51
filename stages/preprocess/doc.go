// Package preprocess is the stage that turns data files into a token index.
//
// # Data flow
//
//	files -> record.Reader -> batches of raw records
//	      -> workers: record.Decode, handler.Encode (template, tokenizer)
//	      -> one collector, in input order -> sink -> corpus.Writer -> PREFIX_*.bin/.idx, manifest.json
//
// Reading, encoding and writing overlap. Batches wait in channels of fixed size, so memory does not
// grow with the input; packing, which needs all lengths before the first pack, spools samples to the
// stage's working directory and keeps four bytes a sample.
//
// # Checkpoint
//
// Output waits in the working directory, which the engine keeps for a run that was cut short. Every few million ids, and
// when the run is cancelled, checkpoint.json there says how far the input has come, with all counts and the Mark of each
// index. Another attempt reads the input again up to there without encoding it, cuts the indexes to their marks and
// goes on; the key vouches for the input and the parameters. What does not fit is begun anew.
//
// # Invariants
//
// The output bytes depend on the input and the keyed parameters alone: not on workers, time, host or
// where files lie (compat apart, see below). An error names the file and the line.
//
// # Files
//
// Running text: PREFIX_KEY_document.{bin,idx}, or PREFIX_KEY_sentence with split_sentences (package sentence).
// Instructions:
// PREFIX_packed_{input_ids,attention_mask,labels}_document.{bin,idx} ("packed" whether packed or
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
//   - what package handler lists: history, empty records, doubled ends of documents, placeholders.
package preprocess
