// Package op is the seam between model code and devices: the fused operations that an NPU library
// offers, forward and backward, as one interface.
//
//	models/decoder -> Backend (Memory, Linear, Norm, Attention, Activation, Loss, Update) -> ascend/cpu
//
// # Backend
//
// One interface of seven small ones, by what they work on. Nothing above it knows a device; the backends are
// listed in ascend/backends.go.
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
//
// # Where to add things
//
// An operation: its method in the interface of its noun, its oracle in package optest, its task in every
// backend. An operation exists when an NPU library has it fused, not because model code is shorter with it.
package op
