// Package safetensors reads and writes the safetensors format: a JSON header of names, element types,
// shapes and byte ranges, then the elements.
//
//	path -> Open / OpenDir -> ckpt.Source -> Create / Write / WriteDir -> path
//
// # File
//
// A File is one memory-mapped .safetensors file. Its header is checked whole before any tensor is
// given out: length within the file and the format's 100 MB, known element types, shapes that fit
// their byte ranges, ranges that tile the data without a gap or an overlap, no name twice. An error
// names the file and the byte.
//
// # Directory
//
// OpenDir joins the shards that model.safetensors.index.json names, or opens model.safetensors.
//
// # Writer
//
// A Writer knows every tensor from the start, so the header is written first and the tensors are put
// into their places in any order, also concurrently. The order in the file is that of the format's
// own library (element type, then name), so equal tensors give equal files. Nothing is visible under
// the final name before Close has succeeded.
package safetensors
