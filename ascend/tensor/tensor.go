package tensor

import (
	"fmt"

	"github.com/belay-ml/belay/ascend/dtype"
)

// Memory is one allocation on a device. Backends define what is behind it.
type Memory interface {
	// Len is the number of elements.
	Len() int
	// DType is the element type of the whole allocation.
	DType() dtype.DType
}

// Tensor looks at a matrix inside a Memory: element (r, c) is at Off + r*Stride + c.
type Tensor struct {
	Mem        Memory
	Off        int
	Rows, Cols int
	Stride     int
}

// New looks at the whole of mem as rows x cols, rows back to back.
func New(mem Memory, rows, cols int) Tensor {
	if rows*cols > mem.Len() {
		panic(fmt.Sprintf("tensor: %d x %d does not fit %d elements", rows, cols, mem.Len()))
	}
	return Tensor{Mem: mem, Rows: rows, Cols: cols, Stride: cols}
}

// Valid says whether t looks at anything.
func (t Tensor) Valid() bool { return t.Mem != nil }

// Len is the number of elements looked at.
func (t Tensor) Len() int { return t.Rows * t.Cols }

// Contiguous says whether the rows lie back to back.
func (t Tensor) Contiguous() bool { return t.Stride == t.Cols || t.Rows <= 1 }

// RowRange looks at rows [from, to).
func (t Tensor) RowRange(from, to int) Tensor {
	if from < 0 || to < from || to > t.Rows {
		panic(fmt.Sprintf("tensor: rows [%d, %d) of %d", from, to, t.Rows))
	}
	t.Off += from * t.Stride
	t.Rows = to - from
	return t
}

// ColRange looks at columns [from, to).
func (t Tensor) ColRange(from, to int) Tensor {
	if from < 0 || to < from || to > t.Cols {
		panic(fmt.Sprintf("tensor: columns [%d, %d) of %d", from, to, t.Cols))
	}
	t.Off += from
	t.Cols = to - from
	return t
}

// Flat looks at a contiguous tensor as one row.
func (t Tensor) Flat() Tensor {
	if !t.Contiguous() {
		panic("tensor: flat look at a strided tensor")
	}
	return Tensor{Mem: t.Mem, Off: t.Off, Rows: 1, Cols: t.Len(), Stride: t.Len()}
}

// String is for error texts: "[8 x 256]".
func (t Tensor) String() string { return fmt.Sprintf("[%d x %d]", t.Rows, t.Cols) }
