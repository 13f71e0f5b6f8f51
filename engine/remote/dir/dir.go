package dir

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belay-ml/belay/engine/remote"
)

// tmp is where files lie until they are whole; what is older than leftover belongs to nobody.
const (
	tmp      = "v1/tmp"
	leftover = 3 * 24 * time.Hour
)

// Bucket is a folder of blobs.
type Bucket struct{ root string }

// Open takes a folder as a bucket.
func Open(root string) *Bucket {
	b := &Bucket{root: root}
	list, _ := os.ReadDir(filepath.Join(root, tmp))
	for _, item := range list {
		if st, err := item.Info(); err == nil && time.Since(st.ModTime()) > leftover {
			os.Remove(filepath.Join(root, tmp, item.Name()))
		}
	}
	return b
}

// String is the folder as a URL.
func (b *Bucket) String() string { return "file://" + b.root }

func (b *Bucket) path(name string) string { return filepath.Join(b.root, filepath.FromSlash(name)) }

// Head is the size of a blob.
func (b *Bucket) Head(_ context.Context, name string) (int64, error) {
	st, err := os.Stat(b.path(name))
	switch {
	case err != nil:
		return 0, b.kind(err)
	case !st.Mode().IsRegular():
		return 0, remote.Fail(remote.ErrWrong, "%s is no file", b.path(name))
	}
	return st.Size(), nil
}

// Get reads a blob from an offset on.
func (b *Bucket) Get(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	f, err := os.Open(b.path(name))
	if err != nil {
		return nil, b.kind(err)
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		f.Close()
		return nil, b.kind(err)
	}
	return &reader{f, b, ctx}, nil
}

// reader gives errors their kind, and ends with its context.
type reader struct {
	*os.File
	b   *Bucket
	ctx context.Context
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.File.Read(p)
	if err != nil && err != io.EOF {
		err = r.b.kind(err)
	}
	return n, err
}

// Put writes a blob.
func (b *Bucket) Put(ctx context.Context, name string, body remote.Body) error {
	return b.put(ctx, body, func(from string) error {
		return b.inPlace(name, func(to string) error { return os.Rename(from, to) })
	})
}

// PutNew writes a blob unless there is one.
func (b *Bucket) PutNew(ctx context.Context, name string, body remote.Body) error {
	if _, err := os.Lstat(b.path(name)); err == nil {
		return remote.Fail(remote.ErrExists, "%s exists", b.path(name))
	}
	return b.put(ctx, body, func(from string) error {
		err := b.inPlace(name, func(to string) error { return os.Link(from, to) })
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) {
			// No hard links here. What is lost is only who was first, of two that are equally right.
			return b.inPlace(name, func(to string) error { return os.Rename(from, to) })
		}
		os.Remove(from)
		return err
	})
}

// inPlace does the last step, making the folder that it needs.
func (b *Bucket) inPlace(name string, do func(to string) error) error {
	to := b.path(name)
	err := do(to)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(to), 0o777); err == nil {
			err = do(to)
		}
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

func (b *Bucket) put(ctx context.Context, body remote.Body, publish func(from string) error) error {
	r, err := body.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := b.temporary()
	if err != nil {
		return b.kind(err)
	}
	var local error
	buf := make([]byte, min(max(body.Size, 1), 1<<20))
	for local == nil && err == nil {
		var n int
		if n, local = r.Read(buf); n > 0 {
			_, err = f.Write(buf[:n])
		}
		if local == nil {
			local = ctx.Err()
		}
	}
	if local == io.EOF {
		local = nil
	}
	if local == nil && err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if local == nil && err == nil {
		err = publish(f.Name())
	}
	if local != nil || err != nil {
		os.Remove(f.Name())
	}
	if local != nil {
		return local
	}
	return b.kind(err)
}

// temporary makes a file that others of the team can read once it has its name.
func (b *Bucket) temporary() (*os.File, error) {
	if _, err := os.Stat(b.root); err != nil {
		return nil, err
	}
	random := make([]byte, 12)
	rand.Read(random) // never fails
	path := filepath.Join(b.root, tmp, hex.EncodeToString(random))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o777); err == nil {
			f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		}
	}
	return f, err
}

// kind sorts an error.
func (b *Bucket) kind(err error) error {
	is := func(errs ...error) bool {
		for _, e := range errs {
			if errors.Is(err, e) {
				return true
			}
		}
		return false
	}
	switch {
	case err == nil:
		return nil
	case is(fs.ErrNotExist):
		if st, serr := os.Stat(b.root); serr != nil || !st.IsDir() {
			return remote.Fail(remote.ErrDown, "the folder %s is not there: is its file system mounted? (a new one is made by mkdir)", b.root)
		}
		return remote.Fail(remote.ErrAbsent, "%w", err)
	case is(fs.ErrExist):
		return remote.Fail(remote.ErrExists, "%w", err)
	case is(fs.ErrPermission, unix.EROFS, unix.ENOSPC, unix.EDQUOT):
		return remote.Fail(remote.ErrDenied, "%w", err)
	case is(unix.ESTALE, unix.EIO, unix.ETIMEDOUT, unix.EHOSTDOWN):
		return remote.Fail(remote.ErrDown, "%w", err)
	case is(unix.EISDIR, unix.ENOTDIR):
		return remote.Fail(remote.ErrWrong, "%w", err)
	}
	return fmt.Errorf("%s: %w", b, err)
}
