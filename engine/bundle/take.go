package bundle

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/store"
)

// holds reads an entry and finds whether its bytes have its digest, and those of members one after the other theirs.
// buf is for reading.
func (b *Bundle) holds(ctx context.Context, name string, e entry, members []store.Blob, buf []byte, moved func(int64)) error {
	whole := sha256.New()
	r := io.NewSectionReader(b.r, e.at, e.size)
	for _, m := range members {
		part := whole
		if len(members) > 1 {
			part = sha256.New()
		}
		for left := m.Size; left > 0; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n, err := r.Read(buf[:min(left, int64(len(buf)))])
			if part != whole {
				part.Write(buf[:n])
			}
			whole.Write(buf[:n])
			left -= int64(n)
			moved(int64(n))
			switch {
			case err == io.EOF && left > 0:
				return fmt.Errorf("it ends %d bytes too early", left)
			case err != nil && err != io.EOF:
				return err
			}
		}
		if d := sum(part); part != whole && d != m.Digest {
			return fmt.Errorf("its bytes make %s, want %s", d.Short(), m.Digest.Short())
		}
	}
	if n, _ := r.Seek(0, io.SeekCurrent); n != e.size {
		return fmt.Errorf("it has %d bytes, want %d", e.size, n)
	}
	d := sum(whole)
	if want := digestOf(name); d != want {
		return fmt.Errorf("its bytes make %s, want %s", d.Short(), want.Short())
	}
	if len(members) == 1 && members[0].Digest != d {
		return fmt.Errorf("its bytes make %s, want %s", d.Short(), members[0].Digest.Short())
	}
	return nil
}

func sum(h hash.Hash) artifact.Digest { return artifact.Digest(hex.EncodeToString(h.Sum(nil))) }

// Bucket is the bundle as a remote that results are pulled from. label names it in messages.
func (b *Bundle) Bucket(label string) remote.Bucket { return source{b, label} }

type source struct {
	b     *Bundle
	label string
}

func (s source) String() string { return s.label }

func (s source) find(name string) (entry, error) {
	e, ok := s.b.entries[name]
	if !ok {
		return e, remote.Fail(remote.ErrAbsent, "%s is not in the bundle", name)
	}
	return e, nil
}

// Head is the size of an entry.
func (s source) Head(_ context.Context, name string) (int64, error) {
	e, err := s.find(name)
	return e.size, err
}

// Get reads an entry from an offset on.
func (s source) Get(_ context.Context, name string, offset int64) (io.ReadCloser, error) {
	e, err := s.find(name)
	if err != nil {
		return nil, err
	}
	if offset < 0 || offset > e.size {
		return nil, remote.Fail(remote.ErrWrong, "%s has %d bytes", name, e.size)
	}
	return io.NopCloser(io.NewSectionReader(s.b.r, e.at+offset, e.size-offset)), nil
}

// Put refuses: a bundle is not changed.
func (s source) Put(context.Context, string, remote.Body) error {
	return remote.Fail(remote.ErrDenied, "a bundle is not changed")
}

// PutNew refuses too.
func (s source) PutNew(ctx context.Context, name string, body remote.Body) error {
	return s.Put(ctx, name, body)
}

// Differs are the files of the bundle that lie in a folder with other contents. It is an error when one cannot be placed
// there at all: a folder lies in its place, or its path leads out.
func (b *Bundle) Differs(ctx context.Context, dir string) ([]string, error) {
	var out []string
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for _, f := range b.Index.Files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		same, err := equal(root, f)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("look at %s: %w", f.Path, err)
		}
		if err != nil || same {
			continue
		}
		st, err := root.Lstat(f.Path)
		if err == nil && st.IsDir() != (f.Mode == artifact.EmptyDir) {
			return nil, fmt.Errorf("look at %s: a folder lies in the place of a file, or a file in that of a folder", f.Path)
		}
		out = append(out, f.Path)
	}
	return out, nil
}

func equal(root *os.Root, f artifact.File) (bool, error) {
	st, err := root.Lstat(f.Path)
	if err != nil {
		return false, err
	}
	switch f.Mode {
	case artifact.Symlink:
		if st.Mode().Type() != fs.ModeSymlink {
			return false, nil
		}
		target, err := root.Readlink(f.Path)
		return target == f.Target, err
	case artifact.EmptyDir:
		return st.IsDir(), nil
	}
	if !st.Mode().IsRegular() || st.Size() != f.Size || (st.Mode()&0o100 != 0) != (f.Mode == artifact.Executable) {
		return false, nil
	}
	r, err := root.Open(f.Path)
	if err != nil {
		return false, err
	}
	defer r.Close()
	h := sha256.New()
	_, err = io.Copy(h, r)
	return sum(h) == f.Digest, err
}

// Place puts the files of the bundle into a folder, over others of their paths. They are all written and checked before the
// first gets its name. No link that lies in the folder leads out of it.
func (b *Bundle) Place(ctx context.Context, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("place files: %w", err)
	}
	defer root.Close()
	stage := ".belay-import-" + rand.Text()
	if err := root.Mkdir(stage, 0o755); err != nil {
		return fmt.Errorf("place files: %w", err)
	}
	defer func() { _ = root.RemoveAll(stage) }()
	for i, f := range b.Index.Files {
		if err := b.stage(ctx, root, path.Join(stage, fmt.Sprint(i)), f); err != nil {
			return fmt.Errorf("place file %s: %w", f.Path, err)
		}
	}
	for i, f := range b.Index.Files {
		if same, err := equal(root, f); same && err == nil {
			continue
		}
		err := root.MkdirAll(path.Dir(f.Path), 0o755)
		if err == nil {
			err = root.Rename(path.Join(stage, fmt.Sprint(i)), f.Path)
		}
		if err != nil {
			return fmt.Errorf("place file %s: %w", f.Path, err)
		}
	}
	return nil
}

// stage writes a file of the bundle under another name.
func (b *Bundle) stage(ctx context.Context, root *os.Root, at string, f artifact.File) (err error) {
	mode := fs.FileMode(0o644)
	switch f.Mode {
	case artifact.Symlink:
		return root.Symlink(filepath.FromSlash(f.Target), at)
	case artifact.EmptyDir:
		return root.Mkdir(at, 0o755)
	case artifact.Executable:
		mode = 0o755
	}
	w, err := root.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if f.Size == 0 {
		if f.Digest != artifact.HashText("") {
			return store.ErrWrongBytes
		}
		return nil
	}
	e := b.entries[remote.BlobName(f.Digest)]
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, h), &ending{ctx, io.NewSectionReader(b.r, e.at, e.size)}); err != nil {
		return err
	}
	if sum(h) != f.Digest {
		return store.ErrWrongBytes
	}
	return w.Sync()
}
