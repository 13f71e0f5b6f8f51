// Package dtype names the element types of tensors and converts between them.
//
//	bytes of a checkpoint -> ToF32 -> float32 of a device -> FromF32 -> bytes of a checkpoint
//
// # DType
//
// An element type of a tensor, in memory or in a file: floats from 64 down to 8 bits, and the integers that
// checkpoints carry. Its spelling is that of safetensors.
//
// # Invariants
//
// Conversions round to nearest, ties to even, as IEEE 754 and PyTorch do; NaN stays NaN.
//
// # Where to add things
//
// An element type: its constant, its size and names, a case in ToF32 and FromF32, and its row in dtype_test.go.
package dtype
