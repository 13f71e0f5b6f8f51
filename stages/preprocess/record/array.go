package record

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// arrayReader cuts a JSON array into its entries without taking them apart: it follows brackets and
// quotes only, and leaves the rest to Decode.
type arrayReader struct {
	in    *bufio.Reader
	name  string
	entry int64
	line  int64 // line ends passed
	ended bool
	usual int // bytes of a record, guessed from the one before
}

func (r *arrayReader) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", r.name, r.line+1, fmt.Sprintf(format, args...))
}

// byte reads one byte; the end of the file is an error here.
func (r *arrayReader) byte() (byte, error) {
	c, err := r.in.ReadByte()
	switch {
	case errors.Is(err, io.EOF):
		return 0, r.errorf("the JSON array has no end after record %d", r.entry)
	case err != nil:
		return 0, fmt.Errorf("read %s:%d: %w", r.name, r.line+1, err)
	case c == '\n':
		r.line++
	}
	return c, nil
}

func (r *arrayReader) skip() (byte, error) {
	for {
		c, err := r.byte()
		if err != nil || c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c, err
		}
	}
}

func (r *arrayReader) Next() (Raw, error) {
	if r.ended {
		return Raw{}, io.EOF
	}
	c, err := r.skip()
	if err != nil {
		return Raw{}, err
	}
	if r.entry == 0 { // c is the opening bracket
		if c, err = r.skip(); err == nil && c == ']' {
			return Raw{}, r.end()
		}
	} else if c == ']' {
		return Raw{}, r.end()
	} else if c == ',' {
		c, err = r.skip()
	} else {
		return Raw{}, r.errorf("want a comma or a bracket after record %d, have %q", r.entry, c)
	}
	if err != nil {
		return Raw{}, err
	}
	if c != '{' {
		return Raw{}, r.errorf("record %d begins with %q, want an object", r.entry+1, c)
	}
	r.entry++
	place := Place{File: r.name, Line: r.line + 1}
	text, err := r.object()
	if err != nil {
		return Raw{}, err
	}
	return Raw{Place: place, JSON: text}, nil
}

// end makes sure that nothing follows the array.
func (r *arrayReader) end() error {
	r.ended = true
	for {
		c, err := r.in.ReadByte()
		if err != nil {
			return err
		}
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return r.errorf("text after the JSON array: %q", c)
		}
	}
}

// object reads up to the bracket that closes the one just read.
func (r *arrayReader) object() ([]byte, error) {
	text := make([]byte, 1, max(256, r.usual))
	text[0] = '{'
	for depth, quoted, escaped := 1, false, false; depth > 0; {
		buf, _ := r.in.Peek(max(1, r.in.Buffered()))
		if len(buf) == 0 {
			_, err := r.byte() // which says why
			return nil, err
		}
		n := 0
		for ; n < len(buf) && depth > 0; n++ {
			c := buf[n]
			if c == '\n' {
				r.line++
			}
			switch {
			case escaped:
				escaped = false
			case quoted && c == '\\':
				escaped = true
			case c == '"':
				quoted = !quoted
			case quoted:
			case c == '{' || c == '[':
				depth++
			case c == '}' || c == ']':
				depth--
			}
		}
		text = append(text, buf[:n]...)
		r.in.Discard(n)
		if len(text) > MaxRecord {
			return nil, r.errorf("record %d is larger than %d bytes", r.entry, MaxRecord)
		}
	}
	r.usual = len(text) + len(text)/8
	return text, nil
}
