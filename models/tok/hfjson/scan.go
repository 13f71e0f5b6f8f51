package hfjson

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep a JSON value may nest.
const maxDepth = 64

// scanner walks a JSON text without building a tree: the vocabulary and the merges are millions of
// bytes and want no value a piece.
type scanner struct {
	data  []byte
	pos   int
	depth int

	skipped []byte // the last string that was skipped; only its memory matters
}

func (s *scanner) errorf(format string, args ...any) error {
	return fmt.Errorf("at byte %d: %w", s.pos, fmt.Errorf(format, args...))
}

// peek skips white space and returns the byte behind it, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) want(c byte) error {
	if got := s.peek(); got != c {
		if s.pos >= len(s.data) {
			return s.errorf("want %q, have the end of the file", c)
		}
		return s.errorf("want %q, have %q", c, got)
	}
	s.pos++
	return nil
}

// object calls member with each name, positioned at the value, which member must consume.
func (s *scanner) object(member func(name []byte) error) error {
	return s.list('{', '}', func(int) error {
		name, err := s.text(nil)
		if err != nil {
			return err
		}
		if err := s.want(':'); err != nil {
			return err
		}
		return member(name)
	})
}

// array calls element with each index, positioned at the value, which element must consume.
func (s *scanner) array(element func(i int) error) error { return s.list('[', ']', element) }

func (s *scanner) list(open, end byte, item func(i int) error) error {
	if err := s.want(open); err != nil {
		return err
	}
	if s.depth++; s.depth > maxDepth {
		return s.errorf("values nest more than %d deep", maxDepth)
	}
	for i := 0; ; i++ {
		c := s.peek()
		if c == end && i == 0 {
			break
		}
		if i > 0 {
			if c == end {
				break
			}
			if err := s.want(','); err != nil {
				return err
			}
		}
		if err := item(i); err != nil {
			return err
		}
	}
	s.depth--
	s.pos++
	return nil
}

// text reads a string and appends its value to dst.
func (s *scanner) text(dst []byte) ([]byte, error) {
	if err := s.want('"'); err != nil {
		return dst, err
	}
	first := len(dst)
	for {
		start := s.pos
		for s.pos < len(s.data) && s.data[s.pos] != '"' && s.data[s.pos] != '\\' && s.data[s.pos] >= ' ' {
			s.pos++
		}
		dst = append(dst, s.data[start:s.pos]...)
		if s.pos == len(s.data) {
			return dst, s.errorf("a string does not end")
		}
		switch c := s.data[s.pos]; {
		case c == '"':
			if !utf8.Valid(dst[first:]) {
				return dst, s.errorf("the string that ends here is not UTF-8")
			}
			s.pos++
			return dst, nil
		case c < ' ':
			return dst, s.errorf("control character %#02x in a string", c)
		}
		var err error
		if dst, err = s.escape(dst); err != nil {
			return dst, err
		}
	}
}

func (s *scanner) escape(dst []byte) ([]byte, error) {
	if s.pos+1 >= len(s.data) {
		return dst, s.errorf("a string does not end")
	}
	c := s.data[s.pos+1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		r, err := s.hex(s.pos + 2)
		if err != nil {
			return dst, err
		}
		s.pos += 6
		if utf16.IsSurrogate(r) {
			if s.pos+1 >= len(s.data) || s.data[s.pos] != '\\' || s.data[s.pos+1] != 'u' {
				return dst, s.errorf("half of a surrogate pair")
			}
			low, err := s.hex(s.pos + 2)
			if err != nil {
				return dst, err
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				return dst, s.errorf("half of a surrogate pair")
			}
			s.pos += 6
		}
		return utf8.AppendRune(dst, r), nil
	default:
		return dst, s.errorf("unknown escape \\%c", c)
	}
	s.pos += 2
	return append(dst, c), nil
}

func (s *scanner) hex(at int) (rune, error) {
	if at+4 > len(s.data) {
		return 0, s.errorf("a string does not end")
	}
	n, err := strconv.ParseUint(string(s.data[at:at+4]), 16, 16)
	if err != nil {
		return 0, s.errorf("\\u wants four hexadecimal digits")
	}
	return rune(n), nil
}

// integer reads a number that is a token id.
func (s *scanner) integer() (int, error) {
	s.peek()
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9' {
		s.pos++
	}
	if n := s.pos - start; n == 0 || n > 9 {
		s.pos = start
		return 0, s.errorf("want an id from 0 to 999999999")
	}
	n := 0
	for _, c := range s.data[start:s.pos] {
		n = n*10 + int(c-'0')
	}
	return n, nil
}

// value skips a value and returns its text.
func (s *scanner) value() ([]byte, error) {
	c := s.peek()
	start := s.pos
	var err error
	switch c {
	case '{':
		err = s.object(func([]byte) error { _, err := s.value(); return err })
	case '[':
		err = s.array(func(int) error { _, err := s.value(); return err })
	case '"':
		s.skipped, err = s.text(s.skipped[:0])
	default:
		for s.pos < len(s.data) && !ends(s.data[s.pos]) {
			s.pos++
		}
		if s.pos == start {
			err = s.errorf("want a value")
		}
	}
	return s.data[start:s.pos], err
}

func ends(c byte) bool {
	switch c {
	case ',', ']', '}', ':', '{', '[', '"', ' ', '\t', '\n', '\r':
		return true
	}
	return false
}

// end checks that nothing but white space follows.
func (s *scanner) end() error {
	s.peek()
	if s.pos < len(s.data) {
		return s.errorf("text behind the end of the document")
	}
	return nil
}
