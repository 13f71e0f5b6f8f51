// Package ckpt reads and writes checkpoints tensor by tensor, so that memory stays near the largest
// tensor whatever the size of the model.
//
// # Source
//
// A Source lists tensors and gives each one's bytes. safetensors files and their shards, PyTorch zip
// and legacy pickles, and Megatron rank directories are Sources; so is a view that renames, slices
// or joins another Source (package convert).
package ckpt
