package command

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"sync"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/secret"
)

// maxLine is where a line without an end is broken; lastLines is how many an error repeats.
const (
	maxLine   = 8 << 10
	lastLines = 10
)

// tail turns a command's output into log lines and remembers the last ones.
type tail struct {
	events  event.Stage
	secrets *secret.Redactor

	mu     sync.Mutex
	last   []string
	counts map[string]int
}

func newTail(events event.Stage, secrets *secret.Redactor) *tail {
	return &tail{events: events, secrets: secrets, counts: map[string]int{}}
}

func (t *tail) count(stream string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[stream]
}

// say takes one line.
func (t *tail) say(stream, line string) {
	line = clean(line)
	t.mu.Lock()
	t.counts[stream]++
	if t.last = append(t.last, line); len(t.last) > lastLines {
		t.last = t.last[1:]
	}
	t.mu.Unlock()
	t.events.Info(line, map[string]any{"stream": stream})
}

// failure describes how the command ended, with its last lines.
func (t *tail) failure(exit *exec.ExitError) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	how := fmt.Sprintf("exit status %d", exit.ExitCode())
	if exit.ExitCode() < 0 {
		how = exit.String() // "signal: killed"
	}
	e := fault.New(fault.Compute, "run command: %s", how)
	if len(t.last) > 0 {
		e = fault.New(fault.Compute, "run command: %s; its last lines:\n  %s", how, strings.Join(t.last, "\n  "))
	}
	switch exit.ExitCode() {
	case 126:
		return e.WithHint("126 means that a program was found and could not be run: is it executable?")
	case 127:
		return e.WithHint("127 means that a program was not found; only PATH and declared variables are passed on")
	}
	return e
}

// clean makes a line fit for logs: valid UTF-8, no control characters but tabs.
func clean(s string) string {
	s = strings.ToValidUTF8(strings.TrimRight(s, "\r"), "\uFFFD")
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return -1
		}
		return r
	}, s)
}

// writer splits one stream into lines.
func (t *tail) writer(stream string) *lines { return &lines{tail: t, stream: stream} }

type lines struct {
	tail   *tail
	stream string
	mu     sync.Mutex
	buf    []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	full := maxLine + l.tail.secrets.Longest() // a secret across the limit is seen whole
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		end := i >= 0
		if !end {
			i = len(p)
		}
		take := min(i, full-len(l.buf))
		l.buf = append(l.buf, p[:take]...)
		switch {
		case take < i: // the line goes on past the limit
			l.emit(l.tail.secrets.Break(string(l.buf), maxLine))
			p = p[take:]
		case end:
			l.flushLine()
			p = p[i+1:]
		default:
			p = nil
		}
	}
	return n, nil
}

// emit says the first n bytes of what is there.
func (l *lines) emit(n int) {
	l.tail.say(l.stream, string(l.buf[:n]))
	l.buf = append(l.buf[:0], l.buf[n:]...)
}

// flushLine says all that is there.
func (l *lines) flushLine() {
	for len(l.buf) > maxLine {
		l.emit(l.tail.secrets.Break(string(l.buf), maxLine))
	}
	l.emit(len(l.buf))
}

// flush emits a last line that has no end.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.buf) > 0 {
		l.flushLine()
	}
}
