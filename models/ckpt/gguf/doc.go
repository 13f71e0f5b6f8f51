// Package gguf reads llama.cpp's model files.
//
//	path -> Open: header, metadata, table of tensors -> File (a ckpt.Source) -> Bytes: a view, or a block decoder
//
// The layout is that of GGUF versions 2 and 3, little-endian (ggml's docs/gguf.md): metadata as typed pairs, a table of
// tensors, the elements aligned behind it. Shapes come back in the order of rows and columns that everything else here
// uses, which is the reverse of the file's.
//
// # Quantised tensors
//
// F32, F16 and BF16 are views into the file. Q8_0, Q4_K and Q6_K hold blocks of small integers with scales (ggml's
// k-quants); they are listed as F32 and worked out when they are read, with the products in the order of ggml's own
// decoder, so the numbers are the same to the last bit.
//
// # Limits
//
// Every count of the file is held against the bytes that are left before anything is made for it. The contents of
// metadata's arrays (a tokenizer's tokens) are passed over: a list is known by its length.
//
// # Where to add things
//
// An element type: a case of kindOf, its block decoder in quant.go, and a case with ggml's own numbers in testdata.
package gguf
