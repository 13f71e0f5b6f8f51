package remote

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/belay-ml/belay/engine/artifact"
)

// Body is what is put into a bucket.
type Body struct {
	Size   int64
	Digest artifact.Digest
	Open   func() (Content, error)
}

// Content is an open body.
type Content interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// Bytes is a body in memory.
func Bytes(data []byte) Body {
	sum := sha256.Sum256(data)
	return Body{Size: int64(len(data)), Digest: artifact.Digest(hex.EncodeToString(sum[:])),
		Open: func() (Content, error) { return memory{bytes.NewReader(data)}, nil }}
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// File is a file of the store as a body.
func File(path string, d artifact.Digest, size int64) Body {
	return Body{Size: size, Digest: d, Open: func() (Content, error) { return os.Open(path) }}
}

// Damaged is the error of a body that is not what it should be.
func (b Body) Damaged() error {
	return fmt.Errorf("%w: a file has not the digest %s under which it was published (belay cache verify sets it aside)",
		errLocal, b.Digest.Short())
}

// Reader reads a body and checks it on the way: where size or digest are not those of the body, the end of the bytes
// is held back and the read fails, so that no receiver takes them for whole.
func (b Body) Reader() (io.ReadSeekCloser, error) {
	c, err := b.Open()
	if err != nil {
		return nil, err
	}
	return &checked{body: b, Content: c, hash: sha256.New()}, nil
}

type checked struct {
	Content
	body Body
	hash hash.Hash
	done int64
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.Content.Read(p[:min(int64(len(p)), max(c.body.Size-c.done, 1))])
	c.hash.Write(p[:n])
	c.done += int64(n)
	switch {
	case c.done > c.body.Size, err == io.EOF && c.done < c.body.Size:
		return 0, c.body.Damaged()
	case c.done == c.body.Size && artifact.Digest(hex.EncodeToString(c.hash.Sum(nil))) != c.body.Digest:
		return 0, c.body.Damaged()
	}
	return n, err
}

// ReadAt would pass the check by.
func (c *checked) ReadAt([]byte, int64) (int, error) {
	return 0, fmt.Errorf("read body: only from start to end")
}

// Seek goes back to the start, for another attempt.
func (c *checked) Seek(offset int64, whence int) (int64, error) {
	if offset == 0 && whence == io.SeekCurrent {
		return c.done, nil
	}
	if offset != 0 || whence != io.SeekStart {
		return 0, fmt.Errorf("seek body: only to its start")
	}
	c.hash.Reset()
	c.done = 0
	return c.Content.Seek(0, io.SeekStart)
}
