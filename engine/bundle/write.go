package bundle

import (
	"archive/zip"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/remote"
)

// Writer makes a bundle. After an error it must be thrown away.
type Writer struct {
	to *target
}

// NewWriter begins a bundle, which goes to w from start to end.
func NewWriter(w io.Writer) (*Writer, error) {
	t := &target{zip: zip.NewWriter(w), sizes: map[string]int64{}}
	if err := t.add(context.Background(), first, remote.Bytes([]byte(Magic))); err != nil {
		return nil, err
	}
	return &Writer{t}, nil
}

// Bucket takes the results: a client pushes into it.
func (w *Writer) Bucket() remote.Bucket { return w.to }

// File adds the bytes of a file of the workspace, unless they are there.
func (w *Writer) File(ctx context.Context, from string, f artifact.File) error {
	if err := checkPath(f.Path); err != nil {
		return err
	}
	if f.Size == 0 || f.Mode != artifact.Regular && f.Mode != artifact.Executable {
		return nil
	}
	if err := w.to.Put(ctx, remote.BlobName(f.Digest), remote.File(from, f.Digest, f.Size)); err != nil {
		return fmt.Errorf("add file %s: %w", f.Path, err)
	}
	return nil
}

// Close ends the bundle with its index. It does not close what it is written to.
func (w *Writer) Close(ix Index) error {
	ix.Format = 1
	slices.SortFunc(ix.Files, func(a, b artifact.File) int { return cmp.Compare(a.Path, b.Path) })
	if err := ix.check(); err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	text, err := ix.encode()
	if err != nil {
		return err
	}
	if len(text) > maxIndex {
		return fmt.Errorf("write index: its %d files make %d bytes, %d can be", len(ix.Files), len(text), maxIndex)
	}
	if err := w.to.add(context.Background(), last, remote.Bytes(text)); err != nil {
		return err
	}
	w.to.mu.Lock()
	defer w.to.mu.Unlock()
	return w.to.zip.Close()
}

// target is a bundle that is being written, as a bucket. Blobs go one after the other.
type target struct {
	mu    sync.Mutex
	zip   *zip.Writer
	sizes map[string]int64
}

func (t *target) String() string { return "bundle" }

// Head knows what was put.
func (t *target) Head(_ context.Context, name string) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	size, ok := t.sizes[name]
	if !ok {
		return 0, remote.Fail(remote.ErrAbsent, "%s is not there", name)
	}
	return size, nil
}

// Get finds nothing: a result is put once.
func (t *target) Get(_ context.Context, name string, _ int64) (io.ReadCloser, error) {
	return nil, remote.Fail(remote.ErrAbsent, "%s cannot be read", name)
}

// Put adds a blob; one that is there stays.
func (t *target) Put(ctx context.Context, name string, b remote.Body) error {
	if _, err := t.Head(ctx, name); err == nil {
		return nil
	}
	return t.add(ctx, name, b)
}

// PutNew adds a blob unless there is one.
func (t *target) PutNew(ctx context.Context, name string, b remote.Body) error {
	if _, err := t.Head(ctx, name); err == nil {
		return remote.Fail(remote.ErrExists, "%s exists", name)
	}
	return t.add(ctx, name, b)
}

func (t *target) add(ctx context.Context, name string, b remote.Body) error {
	r, err := b.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.sizes[name]; ok {
		return nil // another was faster
	}
	if len(t.sizes) == maxEntries {
		return fmt.Errorf("add to bundle: it has %d entries, no more can be", maxEntries)
	}
	w, err := t.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err == nil {
		_, err = io.Copy(w, &ending{ctx, r})
	}
	if err != nil {
		return fmt.Errorf("add to bundle: %w", err)
	}
	t.sizes[name] = b.Size
	return nil
}

// ending is a reader that ends with its context.
type ending struct {
	ctx context.Context
	r   io.Reader
}

func (r *ending) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
