package sftp

import (
	"context"
	"io"
	"path"
	"path/filepath"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/remote/wire"
)

// Options of a bucket.
type Options struct {
	At     remote.SSH
	Home   string // folder in which .ssh lies
	System string // folder of the machine's settings of ssh; "" is /etc/ssh
	Agent  string // socket of the agent; "" is none
	Limits wire.Limits
}

// Bucket is a folder of another machine. Close ends its connection.
type Bucket struct {
	o    Options
	gate chan struct{} // held by who looks at now
	now  *session      // nil before the first request, and after Close
}

// Open takes an address as a bucket. It asks nothing.
func Open(o Options) *Bucket {
	if o.System == "" {
		o.System = filepath.FromSlash("/etc/ssh")
	}
	return &Bucket{o: o, gate: make(chan struct{}, 1)}
}

// String is the address.
func (b *Bucket) String() string { return b.o.At.String() }

// Close ends the connection and what waits for it.
func (b *Bucket) Close() error {
	b.gate <- struct{}{}
	defer func() { <-b.gate }()
	if b.now != nil {
		b.now.close()
		b.now = nil
	}
	return nil
}

// session is the connection, made anew when there is none that lives.
func (b *Bucket) session(ctx context.Context) (*session, error) {
	select {
	case b.gate <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-b.gate }()
	if b.now != nil && !b.now.alive() {
		b.now.close()
		b.now = nil
	}
	if b.now == nil {
		s, err := connect(ctx, b.o)
		if err != nil {
			return nil, err
		}
		b.now = s
	}
	return b.now, nil
}

func (b *Bucket) path(name string) string { return path.Join(b.o.At.Path, name) }

// do makes a request.
func (b *Bucket) do(ctx context.Context, request func(*session) error) error {
	s, err := b.session(ctx)
	if err != nil {
		return err
	}
	end := s.begin(ctx)
	defer end()
	return s.kind(ctx, request(s))
}

// Head is the size of a blob.
func (b *Bucket) Head(ctx context.Context, name string) (size int64, err error) {
	err = b.do(ctx, func(s *session) error {
		st, err := s.files.Stat(b.path(name))
		if err != nil {
			return b.absent(ctx, s, err)
		}
		if size = st.Size(); !st.Mode().IsRegular() {
			return remote.Fail(remote.ErrWrong, "%s is no file", b.path(name))
		}
		return nil
	})
	return size, err
}

// absent tells a blob that is not there from a folder that is not there.
func (b *Bucket) absent(ctx context.Context, s *session, err error) error {
	if s.rooted.Load() {
		return err
	}
	if err := s.kind(ctx, err); !isAbsent(err) {
		return err
	}
	st, serr := s.files.Stat(b.o.At.Path)
	switch {
	case serr == nil && st.IsDir():
		s.rooted.Store(true)
		return err
	case serr == nil:
		return remote.Fail(remote.ErrWrong, "%s is no folder", b.o.At.Path)
	}
	if serr = s.kind(ctx, serr); !isAbsent(serr) {
		return serr
	}
	return remote.Fail(remote.ErrDown, "%w", fault.New(fault.Network, "the folder %s is not on %s: is its file system mounted there?", b.o.At.Path, b.o.At.Host).
		WithHint("a new one is made by ssh %s mkdir -p %s", b.o.At.Host, b.o.At.Path))
}

// Get reads a blob from an offset on.
func (b *Bucket) Get(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	s, err := b.session(ctx)
	if err != nil {
		return nil, err
	}
	end := s.begin(ctx)
	f, err := s.files.Open(b.path(name))
	if err != nil {
		defer end()
		return nil, s.kind(ctx, b.absent(ctx, s, err))
	}
	s.rooted.Store(true)
	r := &reader{done: make(chan struct{})}
	var to *io.PipeWriter
	r.PipeReader, to = io.Pipe()
	r.stop = context.AfterFunc(ctx, func() { _ = to.CloseWithError(ctx.Err()) })
	go func() { // ends with Close, which waits for it
		defer close(r.done)
		defer end()
		_, err := f.Seek(offset, io.SeekStart)
		w := &slow{w: to, s: s}
		if err == nil {
			_, err = f.WriteTo(w)
		}
		if w.failed == nil { // the reader did not give up
			_ = to.CloseWithError(s.kind(ctx, err))
		}
		_ = f.Close() // it was read
	}()
	return r, nil
}

// reader is a blob that is read ahead of who takes it.
type reader struct {
	*io.PipeReader
	stop func() bool
	done chan struct{}
}

// Close ends the reading and waits for its end.
func (r *reader) Close() error {
	r.stop()
	_ = r.PipeReader.Close()
	<-r.done
	return nil
}

// slow hands on what came. While that takes long, the server is not to blame.
type slow struct {
	w      io.Writer
	s      *session
	failed error
}

func (w *slow) Write(p []byte) (n int, err error) {
	w.s.rest()
	defer w.s.wait()
	n, err = w.w.Write(p)
	w.failed = err
	return n, err
}
