package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Exit codes of the program, by band.
const (
	OK        = 0
	Internal  = 1
	Usage     = 2
	Recipe    = 10 // 10-19: the recipe is wrong
	Data      = 20 // 20-29: an input file is wrong
	Network   = 30 // 30-39: a remote side failed or refused
	Compute   = 40 // 40-49: numbers went wrong, memory ran out
	Cluster   = 50 // 50-59: a launcher failed
	Cancelled = 130
)

// Error is an error with an exit code, and what a person can do about it.
type Error struct {
	Code int
	Err  error
	Hint string
	// Temporary errors may go away by themselves; RetryAfter is how long the other side asked to wait.
	Temporary  bool
	RetryAfter time.Duration
	// Timeout says that a stage did not end within its own timeout.
	Timeout bool
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// New makes an error of a band with a formatted text (as fmt.Errorf, %w included).
func New(code int, format string, args ...any) *Error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// Wrap gives err a band unless it has one already. Wrap of nil is nil.
func Wrap(code int, err error) error {
	var e *Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &Error{Code: code, Err: err}
}

// WithHint adds what to do.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// CodeOf is the exit code for err: its band, 0 for nil, 1 when it has none.
func CodeOf(err error) int {
	var e *Error
	switch {
	case err == nil:
		return OK
	case errors.As(err, &e):
		return e.Code
	}
	return Internal
}

// HintOf is the first hint in err's chain.
func HintOf(err error) string {
	var e *Error
	for errors.As(err, &e) {
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}

// Pause waits before another try, or ends with the context.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
