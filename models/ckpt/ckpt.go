package ckpt

import "github.com/belay-ml/belay/ascend/dtype"

// Info describes one tensor of a checkpoint.
type Info struct {
	Name  string
	DType dtype.DType
	Shape []int
}

// Len is the number of elements.
func (i Info) Len() int {
	n := 1
	for _, d := range i.Shape {
		n *= d
	}
	return n
}

// Size is the number of bytes of the elements, contiguous.
func (i Info) Size() int64 { return int64(i.Len()) * int64(i.DType.Size()) }

// Source gives the tensors of a checkpoint one at a time. It is safe for concurrent use.
type Source interface {
	// List describes every tensor, in the order of storage.
	List() []Info
	// Bytes is a tensor's elements, little-endian, row-major and contiguous. The slice may look into a
	// memory map: it is read-only and valid until Close.
	Bytes(name string) ([]byte, error)
	Close() error
}
