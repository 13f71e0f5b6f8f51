// Package dtype names the element types of tensors and converts between them.
//
// Conversions round to nearest, ties to even, as IEEE 754 and PyTorch do; NaN stays NaN.
package dtype
