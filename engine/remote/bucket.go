package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Bucket is a place for blobs under names like v1/cas/<digest>. Implementations are safe for concurrent use. A blob
// is there as a whole or not at all, whatever breaks off.
type Bucket interface {
	// Head is the size of a blob, -1 when the server does not tell.
	Head(ctx context.Context, name string) (size int64, err error)
	// Get reads a blob from an offset on, which lies before its end.
	Get(ctx context.Context, name string, offset int64) (io.ReadCloser, error)
	// Put writes a blob, over another of its name.
	Put(ctx context.Context, name string, b Body) error
	// PutNew writes a blob unless there is one of its name: then the error is ErrExists.
	PutNew(ctx context.Context, name string, b Body) error
	// String names the bucket in messages, without secrets.
	String() string
}

// Kinds of errors of a bucket. Any other error is about this machine.
var (
	ErrAbsent  = errors.New("absent")              // there is no such blob
	ErrExists  = errors.New("exists")              // PutNew: there is one
	ErrDenied  = errors.New("refused")             // not allowed, read-only, full
	ErrDown    = errors.New("not reachable")       // may work later
	ErrWrong   = errors.New("wrong answer")        // not what was stored
	errForeign = errors.New("no result")           // what lies under a key is none
	errLocal   = errors.New("damage in the store") // a file here is not what was published
)

// Error is an error of a kind.
type Error struct {
	Kind error
	Err  error
}

// Fail makes an error of a kind with a formatted text.
func Fail(kind error, format string, args ...any) error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

func (e *Error) Error() string   { return e.Err.Error() }
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }
