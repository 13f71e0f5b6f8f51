// Package decoder is the one decoder-only transformer, written once against op.Backend and configured
// by hfconfig.Config.
//
//	config -> New -> Model <- Load <- ckpt.Source        (Export goes back)
//	Model -> NewBatch -> Forward -> Step | Score | Logits  (whole sequences, training and scoring)
//	Model -> NewSession -> Feed                            (token by token, key/value cache)
//	Model -> NewOptimizer -> Step                          (AdamW over what Batch accumulated)
//
// # Model
//
// A Model owns the parameters. Storage joins what one matrix product reads: q, k and v, and gate and
// up, are each one device tensor (a unit). Params shows the canonical tensors, which are row ranges:
//
//	embed.weight                        [V H]
//	layers.N.attn_norm.weight           [H]
//	layers.N.attn.{q,k,v,o}.weight      out x in, as Hugging Face stores them   (.bias: [out])
//	layers.N.mlp_norm.weight            [H]
//	layers.N.mlp.{gate,up,down}.weight  out x in                                (.bias: [out])
//	norm.weight                         [H]
//	head.weight                         [V H], absent when the embedding is tied
//
// Package convert maps every other naming to this one.
//
// # Batch
//
// A Batch holds the activations of up to a fixed number of tokens, sequences back to back. It
// allocates everything when it is made; a step allocates nothing. The vocabulary head runs over a
// few rows at a time, so logits never take more than about 32 MiB, and only over rows that need it.
//
// # LoRA
//
// Attach freezes the model and adds low-rank adapters to named linear layers (Hu et al. 2021). Merge
// folds them in.
//
// # Session
//
// A Session serves several sequences (slots) of different lengths with a key/value cache. What a
// slot yields does not depend on the other slots, but for the last bits where a backend adds up
// products of few and of many rows in different orders.
//
// # Loss
//
// Loss and gradient of a micro batch are the mean over counted tokens (target >= 0) times the
// caller's scale, which is 1/(number of micro batches) and a loss scale, if any. Gradients accumulate
// until ZeroGrad.
//
// # Invariants
//
//   - Results do not depend on the number of threads, nor on what was computed before.
//   - Initial weights depend on the seed and a tensor's name alone.
//   - A frozen unit has no gradient, and none is computed.
//
// # Where to add
//
// A feature of a family (another norm, a multiplier, experts) is a field of hfconfig.Config and a
// branch in block.go, with its gradient in backward.go, both under the goldens of models_test.go.
package decoder
