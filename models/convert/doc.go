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
// Models with experts have layers.N.router.weight, layers.N.experts.E.{gate,up,down}.weight and
// layers.N.shared.*, latent attention attn.{q_a,q_b,kv_a,kv_b}; models/family/data/llama.yaml lists all.
// LoRA adapters are layers.N.{attn.qkv,attn.o,mlp.gate_up,mlp.down}.lora_A [r, inputs] and .lora_B
// [outputs, r], with rows [q; k; v] and [gate; up]. Package family says how each format stores them.
//
// # Transform
//
// A Transform packs canonical tensors into a stored one and unpacks it again (Transforms lists them).
// Both directions work on a tensor-parallel shard as on the whole, so splitting and joining ranks needs
// no knowledge of the packing.
//
// # Ranks
//
// A cut spreads a tensor over tensor-parallel ranks. With more ranks than key and value heads each head
// goes to the ranks that hold its queries, num_query_groups is written as tp, and the way back checks that
// the copies agree. Latent attention is split by heads: linear_qb, linear_kvb and linear_proj as usual,
// while the projections into the latent space (linear_qkv and its norms) are whole on every rank; where
// the query is one projection, the rank's heads of it lie above the whole kv_a. Experts belong to one
// expert-parallel rank, all else is on each; the kind of a layer follows its number in the whole model.
// A gather is a tensor of all experts of a rank, written and read expert by expert.
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
