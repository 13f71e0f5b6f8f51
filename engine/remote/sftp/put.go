package sftp

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/pkg/sftp"

	"github.com/belay-ml/belay/engine/remote"
)

const (
	// tmp is where files lie until they are whole; what is older than leftover belongs to nobody.
	tmp      = "v1/tmp"
	leftover = 3 * 24 * time.Hour

	// packet is what one write request carries, and window how many of a file are on their way.
	packet = 32 << 10
	window = 64
)

// Put writes a blob.
func (b *Bucket) Put(ctx context.Context, name string, body remote.Body) error {
	return b.put(ctx, body, func(s *session, from string) error { return b.rename(s, from, name) })
}

// PutNew writes a blob unless there is one.
func (b *Bucket) PutNew(ctx context.Context, name string, body remote.Body) error {
	_, err := b.Head(ctx, name)
	switch {
	case err == nil, errors.Is(err, remote.ErrWrong):
		return remote.Fail(remote.ErrExists, "%s exists", b.path(name))
	case !isAbsent(err):
		return err
	}
	return b.put(ctx, body, func(s *session, from string) error {
		// Where there are no hard links, what is lost is only who was first, of two that are equally right; and a plain
		// rename of OpenSSH leaves alone what is there.
		for _, give := range []func(from, to string) error{s.files.Link, s.files.Rename} {
			err = b.inPlace(s, name, func(to string) error { return give(from, to) })
			if err == nil {
				break
			}
			if _, serr := s.files.Lstat(b.path(name)); serr == nil {
				return remote.Fail(remote.ErrExists, "%s exists", b.path(name))
			}
			if !refused(err) {
				return err
			}
		}
		if err == nil {
			_ = s.files.Remove(from) // after a link; a leftover at worst
		}
		return err
	})
}

func isAbsent(err error) bool { return errors.Is(err, remote.ErrAbsent) }

// rename gives a file its name, over another.
func (b *Bucket) rename(s *session, from, name string) error {
	return b.inPlace(s, name, func(to string) error {
		if _, ok := s.files.HasExtension("posix-rename@openssh.com"); ok {
			if err := s.files.PosixRename(from, to); !refused(err) {
				return err
			}
		}
		err := s.files.Rename(from, to)
		if !refused(err) {
			return err
		}
		if _, serr := s.files.Lstat(to); serr != nil {
			return err
		}
		// This server renames over nothing: for a moment there is no blob, never half of one.
		if err := s.files.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return s.files.Rename(from, to)
	})
}

// refused says whether an error is an answer of the server that says nothing but that it does not do it.
func refused(err error) bool {
	var status *sftp.StatusError
	return errors.As(err, &status) && (status.FxCode() == sftp.ErrSSHFxFailure || status.FxCode() == sftp.ErrSSHFxOpUnsupported)
}

// inPlace does the last step, making the folder that it needs.
func (b *Bucket) inPlace(s *session, name string, do func(to string) error) error {
	to := b.path(name)
	err := do(to)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) { // which not all servers say
		if _, serr := s.files.Lstat(path.Dir(to)); !errors.Is(serr, fs.ErrNotExist) {
			return err
		}
	}
	if err := b.folder(s, path.Dir(name)); err != nil {
		return err
	}
	return do(to)
}

// folder makes a folder below the one of the bucket, which must be there.
func (b *Bucket) folder(s *session, name string) error {
	if up := path.Dir(name); up != "." {
		if err := b.folder(s, up); err != nil {
			return err
		}
	}
	err := s.files.Mkdir(b.path(name))
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return err
	}
	if st, serr := s.files.Stat(b.path(name)); serr == nil && st.IsDir() { // there already; the protocol has no word for it
		return nil
	}
	return err
}

func (b *Bucket) put(ctx context.Context, body remote.Body, publish func(s *session, from string) error) error {
	r, err := body.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	return b.do(ctx, func(s *session) error {
		f, err := b.temporary(ctx, s)
		if err != nil {
			return full(err)
		}
		from := &source{r: r, ctx: ctx, s: s}
		_, err = f.ReadFromWithConcurrency(from, int(min(body.Size/packet+1, window)))
		if _, ok := s.files.HasExtension("fsync@openssh.com"); ok && err == nil && from.failed == nil {
			s.patience(1)
			err = f.Sync()
			s.patience(-1)
		}
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err == nil && from.failed == nil {
			err = publish(s, f.Name())
		}
		if (err != nil || from.failed != nil) && s.alive() {
			_ = s.files.Remove(f.Name()) // a leftover at worst
		}
		if from.failed != nil {
			return &local{from.failed}
		}
		return full(err)
	})
}

// full says what the only word that the protocol has most likely means.
func full(err error) error {
	if status := (*sftp.StatusError)(nil); errors.As(err, &status) && status.FxCode() == sftp.ErrSSHFxFailure {
		return remote.Fail(remote.ErrDenied, "the server cannot write: %w (is its disk full?)", err)
	}
	return err
}

// temporary makes a file that others of the team can read once it has its name.
func (b *Bucket) temporary(ctx context.Context, s *session) (*sftp.File, error) {
	random := make([]byte, 12)
	rand.Read(random) // never fails
	at := b.path(path.Join(tmp, hex.EncodeToString(random)))
	open := func() (*sftp.File, error) { return s.files.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL) }
	f, err := open()
	if errors.Is(err, fs.ErrNotExist) {
		if err := b.absent(ctx, s, err); !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err := b.folder(s, tmp); err != nil {
			return nil, err
		}
		f, err = open()
	}
	if err == nil && !s.rooted.Swap(true) {
		b.tidy(ctx, s)
	}
	return f, err
}

// tidy removes what uploads that broke off have left.
func (b *Bucket) tidy(ctx context.Context, s *session) {
	list, _ := s.files.ReadDirContext(ctx, b.path(tmp))
	for _, item := range list {
		if time.Since(item.ModTime()) > leftover {
			_ = s.files.Remove(b.path(path.Join(tmp, item.Name())))
		}
	}
}

// source is a body on its way. It ends with its context, remembers why it failed, and while it is slow the server is not
// to blame.
type source struct {
	r      io.Reader
	ctx    context.Context
	s      *session
	failed error
}

func (r *source) Read(p []byte) (int, error) {
	r.s.rest()
	defer r.s.wait()
	if r.failed = r.ctx.Err(); r.failed != nil {
		return 0, r.failed
	}
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		r.failed = err
	}
	return n, err
}
