// Package kernel holds the inner loops of the cpu backend: a packed single-precision matrix product
// and the vector loops of a decoder, each as plain Go and as AVX2 assembly.
//
// # Set
//
// A Set is a table of loops of one tier. [Select] picks it once; nothing else asks what the machine
// can do. Every field of every Set does the same thing as the generic one, to rounding.
//
// # Scratch
//
// A Scratch owns the packing buffers of one caller. It grows to the largest blocks once and is then
// reused, so products allocate nothing.
//
// # Data flow
//
//	Set.Gemm -> blocks (KC x NC of B, MC x KC of A) -> packed strips -> micro-kernel MR x NR -> C
//
// # Invariants
//
// An element of C is one chain of multiply-adds over k, cut only at multiples that k alone decides.
// How a caller cuts C into blocks, or which thread computes a block, therefore never changes a bit.
// One call of assembly stays far below a millisecond, since Go cannot preempt inside.
//
// # Assembly
//
// The *_amd64.s files are written by the generator in _avo (a module of its own, so that its
// dependency is not ours); go generate rewrites them. A new loop needs a plain Go version in
// *_generic.go, a generator in _avo, a field in Set, and its line in kernel_test.go, which compares
// every tier with the generic one. The build tag noasm leaves all assembly out.
package kernel
