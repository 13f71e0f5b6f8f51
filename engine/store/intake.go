package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/key"
)

// ErrWrongBytes is the error of an import whose bytes are not what the manifest says.
var ErrWrongBytes = errors.New("wrong bytes")

// Blob is the bytes of one file, or of several equal ones.
type Blob struct {
	Digest artifact.Digest
	Size   int64
}

// Intake takes the bytes of an artifact that was made elsewhere. Blobs may come in any order and side by side. What
// has come is kept under the key when the rest does not, for the next attempt.
type Intake struct {
	dir   string
	sizes map[artifact.Digest]int64

	mu    sync.Mutex
	whole map[artifact.Digest]bool
}

// Import makes an artifact that was made elsewhere the result of its manifest's key. fetch brings the blobs that are not
// here; every byte is checked before anything becomes visible. The caller holds the key's Lock.
//
// The steps are those of Publish; before them blobs are taken from interrupted imports and from other artifacts.
func (s *Store) Import(ctx context.Context, m *artifact.Manifest, fetch func(ctx context.Context, in *Intake) error) (*Record, error) {
	rec, err := s.importResult(ctx, m, fetch)
	if err != nil {
		return nil, fmt.Errorf("import %s: %w", m.Digest.Short(), err)
	}
	return rec, nil
}

func (s *Store) importResult(ctx context.Context, m *artifact.Manifest, fetch func(context.Context, *Intake) error) (*Record, error) {
	if !key.Key(m.Key).Valid() || !m.Digest.Valid() {
		return nil, fmt.Errorf("%w: key %q, digest %q", ErrWrongBytes, m.Key, m.Digest)
	}
	switch t, err := m.Tree(); {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrWrongBytes, err)
	case t.Digest != m.Digest:
		return nil, fmt.Errorf("%w: the listing makes %s", ErrWrongBytes, t.Digest.Short())
	}
	rec := &Record{Manifest: m, Root: s.Artifact(m.Digest)}
	if here, err := s.adopt(ctx, m); here || err != nil {
		return rec, err
	}
	in, err := s.intake(ctx, m)
	if err != nil {
		return nil, err
	}
	s.blobs.fill(ctx, s, in)
	if err := in.room(); err != nil {
		return nil, err
	}
	if err := fetch(ctx, in); err != nil {
		return nil, err
	}
	if left := in.Missing(); len(left) > 0 {
		return nil, fmt.Errorf("%d blobs did not come, %s is one", len(left), left[0].Digest.Short())
	}
	pub := filepath.Join(in.dir, "pub")
	if err := in.build(ctx, filepath.Join(pub, "files"), m); err != nil {
		return nil, err
	}
	known := make(map[string]artifact.Digest, len(m.Files))
	for _, f := range m.Files {
		if f.Mode == artifact.Regular || f.Mode == artifact.Executable {
			known[f.Path] = f.Digest
		}
	}
	tree, err := s.sealAndHash(ctx, filepath.Join(pub, "files"), "", known)
	if err != nil {
		return nil, err
	}
	if tree.Digest != m.Digest {
		return nil, fmt.Errorf("%w: the files make %s", ErrWrongBytes, tree.Digest.Short())
	}
	if err := s.reveal(ctx, pub, m); err != nil {
		return nil, err
	}
	s.blobs.add(s, m)
	if err := removeAll(in.dir); err != nil {
		s.warn(fmt.Sprintf("what was left of an import could not be removed: %v", err))
	}
	return rec, nil
}

// adopt makes an artifact that is here the result of another key.
func (s *Store) adopt(ctx context.Context, m *artifact.Manifest) (here bool, err error) {
	release, err := s.share(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	if _, err := os.Lstat(s.Artifact(m.Digest)); err != nil || !s.intact(ctx, m) {
		return false, nil
	}
	text, err := m.Encode()
	if err != nil {
		return false, err
	}
	return true, s.record(m, text)
}

// intake makes the place for the blobs of a manifest and checks those that an earlier attempt left.
func (s *Store) intake(ctx context.Context, m *artifact.Manifest) (*Intake, error) {
	in := &Intake{dir: s.path("pull", m.Key), sizes: map[artifact.Digest]int64{}, whole: map[artifact.Digest]bool{}}
	for _, f := range m.Files {
		if f.Mode != artifact.Regular && f.Mode != artifact.Executable {
			continue
		}
		if size, ok := in.sizes[f.Digest]; ok && size != f.Size || f.Size == 0 && f.Digest != artifact.HashText("") {
			return nil, fmt.Errorf("%w: %s has the size of other content", ErrWrongBytes, f.Path)
		}
		if f.Size > 0 {
			in.sizes[f.Digest] = f.Size
		}
	}
	if err := errors.Join(removeAll(filepath.Join(in.dir, "pub")), os.MkdirAll(in.dir, 0o755)); err != nil {
		return nil, err
	}
	left, err := os.ReadDir(in.dir)
	if err != nil {
		return nil, err
	}
	for _, item := range left {
		b := Blob{Digest: artifact.Digest(item.Name())}
		size, wanted := in.sizes[b.Digest]
		b.Size = size
		switch have := in.Have(b); {
		case !wanted || have > size:
			err = removeAll(filepath.Join(in.dir, item.Name()))
		case have == size:
			err = in.settle(ctx, b)
		}
		if err != nil {
			return nil, err
		}
	}
	return in, nil
}

// settle checks a blob that was left complete, and drops it when it is not what it should be.
func (in *Intake) settle(ctx context.Context, b Blob) error {
	d, _, _, err := artifact.HashFile(ctx, in.path(b.Digest))
	if err != nil {
		return err
	}
	if d != b.Digest {
		return os.Remove(in.path(b.Digest))
	}
	in.done(b.Digest)
	return nil
}

func (in *Intake) path(d artifact.Digest) string { return filepath.Join(in.dir, string(d)) }

func (in *Intake) done(d artifact.Digest) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.whole[d] = true
}

// Missing are the blobs that have not come yet, by digest.
func (in *Intake) Missing() []Blob {
	in.mu.Lock()
	defer in.mu.Unlock()
	var out []Blob
	for _, d := range slices.Sorted(maps.Keys(in.sizes)) {
		if !in.whole[d] {
			out = append(out, Blob{d, in.sizes[d]})
		}
	}
	return out
}

// Wants says whether a blob has not come yet.
func (in *Intake) Wants(b Blob) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	_, ok := in.sizes[b.Digest]
	return ok && !in.whole[b.Digest]
}

// Have is how many bytes of a blob have come.
func (in *Intake) Have(b Blob) int64 {
	st, err := os.Lstat(in.path(b.Digest))
	if err != nil {
		return 0
	}
	return st.Size()
}

// Drop forgets the bytes of a blob that is not whole.
func (in *Intake) Drop(b Blob) {
	if in.Wants(b) {
		os.Remove(in.path(b.Digest))
	}
}

// Put takes the bytes of a blob from offset on, which is what Have said. Bytes that came are kept when r ends in an
// error; a blob that ends too early or has another digest is dropped, and the error is ErrWrongBytes.
func (in *Intake) Put(ctx context.Context, b Blob, offset int64, r io.Reader) error {
	if !in.Wants(b) || in.sizes[b.Digest] != b.Size {
		return fmt.Errorf("take blob %s: it is not wanted", b.Digest.Short())
	}
	path := in.path(b.Digest)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	h := sha256.New()
	if err = f.Truncate(offset); err == nil {
		_, err = io.CopyN(h, f, offset)
	}
	if err == nil {
		err = copyBytes(ctx, f, h, r, b.Size-offset)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil && artifact.Digest(hex.EncodeToString(h.Sum(nil))) != b.Digest {
		err = fmt.Errorf("%w: they make %x, want %s", ErrWrongBytes, h.Sum(nil)[:6], b.Digest.Short())
	}
	switch {
	case err == nil:
		in.done(b.Digest)
	case errors.Is(err, ErrWrongBytes):
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// copyBytes moves n bytes. Those that came before an error are written.
func copyBytes(ctx context.Context, f *os.File, h hash.Hash, r io.Reader, n int64) error {
	buf := make([]byte, min(n, 256<<10))
	for want := n; n > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		got, err := r.Read(buf[:min(n, int64(len(buf)))])
		h.Write(buf[:got])
		if _, werr := f.Write(buf[:got]); werr != nil {
			return werr
		}
		n -= int64(got)
		switch {
		case n == 0:
		case err == io.EOF:
			return fmt.Errorf("%w: they end after %d of %d", ErrWrongBytes, want-n, want)
		case err != nil:
			return err
		}
	}
	return nil
}

// room checks that the disk can hold what has not come yet.
func (in *Intake) room() error {
	var need uint64
	for _, b := range in.Missing() {
		need += uint64(max(b.Size-in.Have(b), 0))
	}
	var st unix.Statfs_t
	if err := unix.Statfs(in.dir, &st); err != nil {
		return nil // the copy will tell
	}
	if free := st.Bavail * uint64(st.Bsize); need > free {
		return fmt.Errorf("%d bytes are to come and the disk has room for %d: %w", need, free, unix.ENOSPC)
	}
	return nil
}

// build puts the blobs in their places. Links come last, so nothing is written through one.
func (in *Intake) build(ctx context.Context, root string, m *artifact.Manifest) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	first := map[artifact.Digest]string{}
	made := map[string]bool{}
	for _, links := range []bool{false, true} {
		for _, f := range m.Files {
			if (f.Mode == artifact.Symlink) != links {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			to := filepath.Join(root, filepath.FromSlash(f.Path))
			if parent := filepath.Dir(to); !made[parent] {
				if err := os.MkdirAll(parent, 0o755); err != nil {
					return err
				}
				made[parent] = true
			}
			if err := in.place(f, to, first); err != nil {
				return err
			}
		}
	}
	return nil
}

func (in *Intake) place(f artifact.File, to string, first map[artifact.Digest]string) error {
	mode := fs.FileMode(0o644)
	switch f.Mode {
	case artifact.Symlink:
		return os.Symlink(f.Target, to)
	case artifact.EmptyDir:
		return os.Mkdir(to, 0o755)
	case artifact.Executable:
		mode = 0o755
	}
	from, again := first[f.Digest]
	switch {
	case f.Size == 0:
		return os.WriteFile(to, nil, mode)
	case again:
		return copyFile(from, to, mode)
	}
	first[f.Digest] = to
	if err := os.Rename(in.path(f.Digest), to); err != nil {
		return err
	}
	return os.Chmod(to, mode)
}

func copyFile(from, to string, mode fs.FileMode) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = w.ReadFrom(r)
	return errors.Join(err, w.Close())
}
