// Package reindex is the stage `reindex`: it joins token indexes, and splits them into parts.
//
//	token-index... -> pieces of each field, in order -> one run of documents -> parts -> PREFIX[_PART]_FIELD.bin/.idx
//
// # Field and piece
//
// A field is what stands behind the prefix in an index's name: text_document, packed_labels_document, packed_lengths.
// Its pieces are the indexes of that field in the inputs, in the order of the inputs and of names in them.
//
// # Part
//
// Without split and documents_per_part all documents go into one part: the inputs are joined. With split they go to
// train, valid and test by share, with documents_per_part to 000, 001 and so on. Documents stay whole and in order, and
// the fields of instructions are cut at the same places.
//
// # Invariants
//
// Ids are copied as they are stored, with their modes; memory does not grow with them. The bytes of a part are those
// that would have been written had its documents been written alone.
package reindex
