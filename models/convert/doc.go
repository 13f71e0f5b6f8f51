// Package convert turns decoder checkpoints of one format and layout into another: Hugging Face,
// Megatron-Legacy, Megatron-Core, for any tensor and pipeline parallel layout.
//
//	directory -> OpenCanonical -> ckpt.Source of canonical tensors -> (merge LoRA, cast, pad) -> Write -> directory
//	Options -> Run -> Report
//
// # Canonical tensors
//
// One naming and layout stands between all formats: embed.weight; layers.N.attn_norm.weight;
// layers.N.attn.{q,k,v,o}.weight and .bias; layers.N.mlp_norm.weight; layers.N.mlp.{gate,up,down}.weight
// and .bias; norm.weight; head.weight, absent when tied to the embedding. Shapes are [outputs, inputs].
// LoRA adapters are layers.N.{attn.qkv,attn.o,mlp.gate_up,mlp.down}.lora_A [r, inputs] and .lora_B
// [outputs, r], with rows [q; k; v] and [gate; up]. Package family says how each format stores them.
//
// # Transform
//
// A Transform packs canonical tensors into a stored one and unpacks it again (Transforms lists them).
// Both directions work on a tensor-parallel shard as on the whole, so splitting and joining ranks needs
// no knowledge of the packing.
//
// # View
//
// A view is a ckpt.Source that computes each tensor when it is asked for: unpacking, joining shards,
// merging an adapter, rounding to another type. Nothing is held; the memory of a conversion is a few
// of the largest tensor, one for each worker.
//
// # Where to add things
//
// A family whose tensors are packed in a known way is a file in models/family/data. A new packing is a
// file here with the Transform and its inverse, and a line in Transforms.
package convert
