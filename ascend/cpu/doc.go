// Package cpu is the embedded backend: the fused operations in float32 on the machine's cores.
//
// # Backend
//
// A Backend owns a pool of workers, their scratch memory and the tables of rotary embedding. It is
// made with [New] and ended with Close. One caller at a time.
//
// # Task
//
// An operation is a reusable struct with a method run(worker, i); the pool hands out the numbers i.
// Structs are fields of the Backend and scratch only grows, so a warmed training step allocates
// nothing on the Go heap.
//
// # Data flow
//
//	op.Backend method -> checks shapes -> fills its task -> pool -> kernel.Set on blocks
//
// # Invariants
//
// Results are bit-for-bit the same for any number of threads: a sum is never cut by thread, only at
// places that the shapes decide (see kernel.Set.Gemm for products; row blocks for the weights of a
// norm; element blocks for the sum of squares). Losses, norms and mean squares are summed in float64.
//
// # Adding an operation
//
// Declare it in ascend/op, write its task here in a file of its noun, and its oracle in ascend/optest.
package cpu
