// Package ascend is the compute branch: element types, tensors, fused operations with their
// gradients, optimizers and the backends that run them.
//
// It knows no files, no recipes and no YAML. Weights and batches come in through tensors that a
// caller filled; results leave the same way.
//
// # From here to the matrix multiply
//
//	stages/trainer (a training step) -> models/decoder (the architecture)
//	  -> ascend/op.Backend (the fused operations) -> ascend/cpu (the embedded backend)
//	  -> ascend/cpu/kernel (packed GEMM and vector loops, generic Go and AVX2 assembly)
//
// The list of backends is Backends in backends.go: one literal slice, no registration by effect.
package ascend
