package record

import (
	"sync"
	"sync/atomic"
)

// chunk is memory that records share. When its reader and all who hold records of it have released it, it is read into again;
// when somebody does not, it is garbage some day.
type chunk struct {
	memory []byte // empty
	users  atomic.Int32
	free   *sync.Pool // of *chunk
}

// newChunk is a chunk with room for size bytes; the caller is its first user.
func newChunk(free *sync.Pool, size int) *chunk {
	c, _ := free.Get().(*chunk)
	if c == nil || cap(c.memory) < size {
		c = &chunk{memory: make([]byte, 0, size), free: free}
	}
	c.users.Store(1)
	return c
}

func (c *chunk) hold() *chunk {
	c.users.Add(1)
	return c
}

func (c *chunk) release() {
	if c != nil && c.users.Add(-1) == 0 && cap(c.memory) == chunkBytes {
		c.free.Put(c)
	}
}
