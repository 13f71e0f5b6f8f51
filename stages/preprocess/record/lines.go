package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"
)

// chunkBytes is how much is read at a time.
const chunkBytes = 256 << 10

// lines cuts a file into lines. They are pieces of large chunks, so that a line costs no memory of its own.
type lines struct {
	in    io.Reader
	name  string
	line  int64 // the number of the last line
	most  int   // bytes of a line
	chunk []byte
	of    *chunk // whose memory that is
	at    int    // of the next line in chunk
	eof   bool
	free  *sync.Pool
}

func newLines(in io.Reader, name string) *lines {
	return &lines{in: in, name: name, most: MaxRecord, free: new(sync.Pool)}
}

// next is the next line without its ending; the bytes are the caller's.
func (l *lines) next() ([]byte, error) {
	for from := l.at; ; {
		if i := bytes.IndexByte(l.chunk[from:], '\n'); i >= 0 {
			return l.fitting(l.cut(from+i, 1))
		}
		have := len(l.chunk) - l.at
		if l.eof {
			if have == 0 {
				return nil, io.EOF
			}
			return l.fitting(l.cut(len(l.chunk), 0))
		}
		if have > l.most {
			return nil, l.pass()
		}
		from = have
		if err := l.fill(); err != nil {
			return nil, err
		}
	}
}

// fitting refuses a line that is too long.
func (l *lines) fitting(line []byte) ([]byte, error) {
	if len(line) > l.most {
		return nil, l.tooLong()
	}
	return line, nil
}

// tooLong is the mistake of the last line.
func (l *lines) tooLong() error {
	return Place{File: l.name, Line: l.line}.Errorf(TooLong, "the line is longer than %d bytes", l.most)
}

// cut takes the line that ends at a place, before an ending of some bytes.
func (l *lines) cut(end, ending int) []byte {
	line := l.chunk[l.at:end:end]
	l.at = end + ending
	l.line++
	return line
}

// fill puts what is left of the chunk at the beginning of a new one, and reads more.
func (l *lines) fill() error {
	rest := l.chunk[l.at:]
	size := max(chunkBytes, 2*len(rest))
	if cap(l.chunk)-len(l.chunk) < chunkBytes/4 || l.at > 0 && len(rest) == 0 {
		from := l.of
		l.of = newChunk(l.free, size)
		l.chunk, l.at = append(l.of.memory, rest...), 0
		from.release()
	} else {
		l.chunk, l.at = l.chunk[l.at:], 0
	}
	n, err := l.in.Read(l.chunk[len(l.chunk):cap(l.chunk)])
	l.chunk = l.chunk[:len(l.chunk)+n]
	switch {
	case errors.Is(err, io.EOF):
		l.eof = true
	case err != nil:
		return fmt.Errorf("read %s:%d: %w", l.name, l.line+1, err)
	}
	return nil
}

// pass reads over a line that is too long.
func (l *lines) pass() error {
	for !l.eof {
		if i := bytes.IndexByte(l.chunk[l.at:], '\n'); i >= 0 {
			l.cut(l.at+i, 1)
			return l.tooLong()
		}
		l.chunk, l.at = nil, 0
		if err := l.fill(); err != nil {
			return err
		}
	}
	if i := bytes.IndexByte(l.chunk[l.at:], '\n'); i >= 0 {
		l.cut(l.at+i, 1)
	} else {
		l.cut(len(l.chunk), 0)
	}
	return l.tooLong()
}

// notUTF8 names the first byte of a text that is no UTF-8, or is nil.
func notUTF8(place Place, text []byte) error {
	if utf8.Valid(text) {
		return nil
	}
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return place.Errorf(NotUTF8, "byte %d of the line (%#02x) is not UTF-8", at+1, text[at])
		}
		at += size
	}
	return nil
}
