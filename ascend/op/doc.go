// Package op is the seam between model code and devices: the fused operations that an NPU library
// offers, forward and backward, as one interface.
//
// # Shapes
//
// Everything is a matrix (see package tensor). M is the number of tokens of a micro batch, all
// sequences back to back; H hidden, N query heads, K key/value heads, D head dimension, F
// feed-forward width, V vocabulary. Activations are M x width; weights are out x in, as checkpoints
// store them.
//
// # Accumulation
//
// Gradients of weights (dw, dtable) and of activations that more than one consumer feeds are
// accumulated (+=); each method says which. Losses and norms are reduced in an order fixed by the
// shapes alone, so results are bit-for-bit the same for any number of threads.
//
// # Errors
//
// A shape that does not fit is a broken invariant of the caller and panics with both shapes.
// Backends are safe for one caller at a time.
package op
