// Package tensor describes device-owned matrices.
//
//	Backend.Alloc -> Tensor -> ColRange, row ranges -> operations of package op
//
// # Tensor
//
// A Tensor is a small value: a look at Rows x Cols elements of one device allocation, with a row
// stride, so that a column range of a fused projection (the q part of [q|k|v]) is a Tensor too.
// Vectors are 1 x n. Copying a Tensor copies the look, never the elements.
//
// # Memory
//
// A Memory is one allocation of a backend. Whoever allocated it owns it; looks borrow.
package tensor
