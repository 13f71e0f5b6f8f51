package event

import (
	"io"
	"sync"
)

// Lines writes every event as a line of JSON.
type Lines struct {
	mu  sync.Mutex
	w   io.Writer
	err error
}

// NewLines writes to w.
func NewLines(w io.Writer) *Lines { return &Lines{w: w} }

// Emit writes one line. After a failed write it does nothing more: see Err.
func (l *Lines) Emit(e Event) {
	b, err := Marshal(e)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	if err == nil {
		_, err = l.w.Write(append(b, '\n'))
	}
	l.err = err
}

// Err is the first error.
func (l *Lines) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}
