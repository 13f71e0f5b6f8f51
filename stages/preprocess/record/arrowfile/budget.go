package arrowfile

import (
	"errors"

	"github.com/apache/arrow-go/v18/arrow/memory"
)

// budget bounds what one batch may take: a few bytes can claim to unpack to gigabytes.
type budget struct {
	heap memory.GoAllocator
	left int64
}

// The bytes that a batch may take: some for any file, and a multiple of its size.
const (
	freeBytes = 64 << 20
	perByte   = 256
)

var errBudget = errors.New("a batch claims more bytes than a file of this size can hold")

func (b *budget) refill(size int64) {
	if size <= 0 || size > (maxBatch-freeBytes)/perByte {
		b.left = 2 * maxBatch
		return
	}
	b.left = freeBytes + perByte*size
}

func (b *budget) spend(n int) {
	if b.left -= int64(n); n < 0 || b.left < 0 {
		panic(errBudget)
	}
}

func (b *budget) Allocate(size int) []byte {
	b.spend(size)
	return b.heap.Allocate(size)
}

func (b *budget) Reallocate(size int, old []byte) []byte {
	b.spend(size - min(size, len(old)))
	return b.heap.Reallocate(size, old)
}

func (b *budget) Free(old []byte) { b.heap.Free(old) }
