package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/remote/wire"
)

const (
	// grace is how long a request may take to end after its context.
	grace = time.Second
	// thinking is how many intervals a server may take while it writes to its disk.
	thinking = 4
)

// Causes of the end of a session: nobody needs it any more, or a request of it hung after it was cancelled.
var (
	errClosed = errors.New("closed")
	errHung   = errors.New("a request did not end in its time")
)

// session is a connection with its requests. It ends when the connection does, and then another is made.
type session struct {
	files  *sftp.Client
	login  *ssh.Client
	conn   *counting
	below  []*ssh.Client // that it leads over
	limits wire.Limits
	ended  chan struct{} // closed when the connection is gone

	rooted atomic.Bool // the folder has been seen

	mu       sync.Mutex
	cause    error // why it was ended from here
	timer    *time.Timer
	inflight int // requests whose answer the server owes
	patient  int // of them, those that may take long
	seen     int64
	idle     int
}

// counting counts what moves.
type counting struct {
	net.Conn
	moved atomic.Int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.moved.Add(int64(n))
	return n, err
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.moved.Add(int64(n))
	return n, err
}

// connect logs in and asks for the file service.
func connect(ctx context.Context, o Options) (*session, error) {
	in, err := enter(ctx, o, nil, 0)
	if err != nil {
		return nil, err
	}
	s := &session{login: in.client, conn: in.conn, below: in.below, limits: o.Limits.Filled(), ended: make(chan struct{})}
	s.timer = time.AfterFunc(time.Hour, s.look)
	s.timer.Stop()
	go func() {
		defer close(s.ended)
		_ = s.login.Wait() // what broke is told by the requests
	}()
	limited, cancel := context.WithTimeout(ctx, max(s.limits.Stall, s.limits.Connect))
	defer cancel()
	stop := context.AfterFunc(limited, func() { s.kill(errHung) })
	defer stop()
	s.files, err = sftp.NewClient(s.login, sftp.UseFstat(true))
	if err == nil && !stop() {
		err = errHung
	}
	if err != nil {
		s.close()
		if ctx.Err() == nil && strings.Contains(err.Error(), "subsystem request failed") {
			return nil, remote.Fail(remote.ErrDenied, "the machine offers no sftp: %w", err)
		}
		return nil, down(ctx, err)
	}
	return s, nil
}

// down is the error of a connection.
func down(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return remote.Fail(remote.ErrDown, "%w", err)
}

// alive says whether requests can be made.
func (s *session) alive() bool {
	select {
	case <-s.ended:
		return false
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause == nil
}

// kill ends the connection, with everything that waits for it.
func (s *session) kill(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause == nil {
		s.cause = cause
		s.timer.Stop()
		s.conn.Close()
	}
}

// close ends the session and waits for its goroutines.
func (s *session) close() {
	s.kill(errClosed)
	_ = s.login.Close() // the connection is gone already
	<-s.ended
	if s.files != nil {
		_ = s.files.Close()
	}
	for _, c := range s.below {
		_ = c.Wait() // its connection is gone too
	}
}

// begin is the start of a request: its end must be told. A request that hangs after its context is over takes the session
// with it.
func (s *session) begin(ctx context.Context) (end func()) {
	s.wait()
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-done:
		case <-t.C:
			s.kill(errHung)
		}
	})
	return func() {
		stop()
		close(done)
		s.rest()
	}
}

// wait says that the server owes an answer.
func (s *session) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inflight++
	if s.inflight == 1 && s.cause == nil {
		s.seen, s.idle = s.conn.moved.Load(), 0
		s.timer.Reset(s.limits.Stall)
	}
}

// rest says that it does not any more, or that this side is what is slow.
func (s *session) rest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inflight--; s.inflight == 0 {
		s.timer.Stop()
	}
}

// patience says that an answer may take long, or (-1) that it has come.
func (s *session) patience(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.patient += n
}

// look runs once an interval in which answers are awaited.
func (s *session) look() {
	s.mu.Lock()
	moved := s.conn.moved.Load()
	s.idle++
	if moved-s.seen >= s.limits.Trickle {
		s.idle = 0
	}
	s.seen = moved
	patience := 1
	if s.patient > 0 {
		patience = thinking
	}
	stalled := s.inflight > 0 && s.idle >= patience
	if s.inflight > 0 && !stalled && s.cause == nil {
		s.timer.Reset(s.limits.Stall)
	}
	s.mu.Unlock()
	if stalled {
		s.kill(fmt.Errorf("%w (%s)", wire.ErrStalled, s.limits.Stall*time.Duration(patience)))
	}
}

// kind sorts the error of a request.
func (s *session) kind(ctx context.Context, err error) error {
	var status *sftp.StatusError
	var known *remote.Error
	var here *local
	switch {
	case err == nil:
		return nil
	case errors.As(err, &here):
		return here.error
	case errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		return remote.Fail(remote.ErrAbsent, "the server says %w", err)
	case errors.Is(err, fs.ErrPermission):
		return remote.Fail(remote.ErrDenied, "the server says %w", err)
	case errors.As(err, &status) && status.FxCode() == sftp.ErrSSHFxOpUnsupported:
		return remote.Fail(remote.ErrDenied, "the server says %w", err)
	case errors.As(err, &status) && status.FxCode() != sftp.ErrSSHFxConnectionLost && status.FxCode() != sftp.ErrSSHFxNoConnection:
		return remote.Fail(remote.ErrDown, "the server says %w", err)
	}
	s.mu.Lock()
	cause := s.cause
	s.mu.Unlock()
	if cause == nil {
		s.kill(err)
		cause = err
	}
	if errors.Is(cause, io.EOF) {
		cause = io.ErrUnexpectedEOF
	}
	return remote.Fail(remote.ErrDown, "the connection broke: %w", cause)
}

// local is an error of this machine, which no server is to blame for.
type local struct{ error }
