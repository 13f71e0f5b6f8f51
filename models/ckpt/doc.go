// Package ckpt reads and writes checkpoints tensor by tensor, so that memory stays near the largest
// tensor whatever the size of the model.
//
//	safetensors | torchpt | gguf | megatron -> Source -> views of package convert -> decoder.Load or a writer
//
// # Source
//
// A Source lists tensors (Info) and gives each one's bytes. safetensors files and their shards, PyTorch zip
// and legacy pickles, GGUF files, and Megatron rank directories are Sources; so is a view that renames, slices
// or joins another Source (package convert). Join makes one of several, Memory holds a small one.
//
// # Sub packages
//
// safetensors and torchpt: file formats, read and written. gguf: llama.cpp's, read. megatron: directories of rank files.
// mapped: byte ranges of large files, which all of them stand on. pending: a file on its way to its name.
//
// # Where to add things
//
// A file format is a package here whose Open returns a Source, and an entry where package convert
// recognises what a path is.
package ckpt
