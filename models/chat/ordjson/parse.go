package ordjson

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds nesting, so that no input can exhaust the stack.
const maxDepth = 512

// Error is a place where a text is not JSON.
type Error struct {
	Offset int // byte offset in the input
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("byte %d: %s", e.Offset, e.Reason) }

// Parse reads one value that fills data.
func Parse(data []byte) (any, error) {
	v, n, err := ParsePrefix(data)
	if err != nil {
		return nil, err
	}
	if p := (parser{data: data, at: n}); p.space() < len(data) {
		return nil, p.errorf("text after the value: %s", p.here())
	}
	return v, nil
}

// ParsePrefix reads the value that data begins with and says how many bytes it took.
func ParsePrefix(data []byte) (v any, n int, err error) {
	p := parser{data: data}
	p.space()
	if v, err = p.value(0); err != nil {
		return nil, p.at, err
	}
	return v, p.at, nil
}

type parser struct {
	data []byte
	at   int
}

func (p *parser) errorf(format string, args ...any) error {
	return &Error{Offset: p.at, Reason: fmt.Sprintf(format, args...)}
}

// here describes what stands at the current place.
func (p *parser) here() string {
	if p.at >= len(p.data) {
		return "the end"
	}
	r, size := utf8.DecodeRune(p.data[p.at:])
	if r == utf8.RuneError && size == 1 {
		return fmt.Sprintf("byte %#02x, which is not UTF-8", p.data[p.at])
	}
	return fmt.Sprintf("%q", r)
}

func (p *parser) space() int {
	for p.at < len(p.data) {
		switch p.data[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return p.at
		}
	}
	return p.at
}

func (p *parser) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, p.errorf("nested more than %d levels deep", maxDepth)
	}
	if p.at >= len(p.data) {
		return nil, p.errorf("a value is missing, the text ends")
	}
	switch c := p.data[p.at]; {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.list(depth)
	case c == '"':
		return p.text()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	switch {
	case p.word("null"):
		return nil, nil
	case p.word("true"):
		return true, nil
	case p.word("false"):
		return false, nil
	}
	return nil, p.errorf("want a value, have %s", p.here())
}

func (p *parser) word(w string) bool {
	if len(p.data)-p.at < len(w) || string(p.data[p.at:p.at+len(w)]) != w {
		return false
	}
	p.at += len(w)
	return true
}

func (p *parser) object(depth int) (any, error) {
	o := &Object{}
	p.at++
	if p.space(); p.at < len(p.data) && p.data[p.at] == '}' {
		p.at++
		return o, nil
	}
	for {
		if p.space(); p.at >= len(p.data) || p.data[p.at] != '"' {
			return nil, p.errorf("want a key in quotes, have %s", p.here())
		}
		key, err := p.text()
		if err != nil {
			return nil, err
		}
		if p.space(); p.at >= len(p.data) || p.data[p.at] != ':' {
			return nil, p.errorf("want a colon after key %q, have %s", key, p.here())
		}
		p.at++
		p.space()
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		o.Set(key, v)
		more, err := p.next('}')
		if err != nil || !more {
			return o, err
		}
	}
}

func (p *parser) list(depth int) (any, error) {
	l := []any{}
	p.at++
	if p.space(); p.at < len(p.data) && p.data[p.at] == ']' {
		p.at++
		return l, nil
	}
	for {
		p.space()
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		l = append(l, v)
		more, err := p.next(']')
		if err != nil || !more {
			return l, err
		}
	}
}

// next passes a comma (true) or the closing bracket (false).
func (p *parser) next(closing byte) (bool, error) {
	if p.space(); p.at < len(p.data) {
		switch p.data[p.at] {
		case ',':
			p.at++
			return true, nil
		case closing:
			p.at++
			return false, nil
		}
	}
	return false, p.errorf("want a comma or %q, have %s", closing, p.here())
}

func (p *parser) number() (any, error) {
	from := p.at
	digits := func() bool {
		start := p.at
		for p.at < len(p.data) && p.data[p.at] >= '0' && p.data[p.at] <= '9' {
			p.at++
		}
		return p.at > start
	}
	if p.data[p.at] == '-' {
		p.at++
	}
	if p.at < len(p.data) && p.data[p.at] == '0' {
		p.at++
	} else if !digits() {
		return nil, p.errorf("want a digit, have %s", p.here())
	}
	if p.at < len(p.data) && p.data[p.at] == '.' {
		p.at++
		if !digits() {
			return nil, p.errorf("want a digit, have %s", p.here())
		}
	}
	if p.at < len(p.data) && (p.data[p.at] == 'e' || p.data[p.at] == 'E') {
		p.at++
		if p.at < len(p.data) && (p.data[p.at] == '+' || p.data[p.at] == '-') {
			p.at++
		}
		if !digits() {
			return nil, p.errorf("want a digit, have %s", p.here())
		}
	}
	return Number(p.data[from:p.at]), nil
}

// text reads a string. Texts without escapes are copied in one piece.
func (p *parser) text() (string, error) {
	open := p.at
	p.at++
	var out []byte
	from := p.at
	for p.at < len(p.data) {
		switch c := p.data[p.at]; {
		case c == '"':
			s := p.data[from:p.at]
			p.at++
			if out == nil {
				return string(s), nil
			}
			return string(append(out, s...)), nil
		case c == '\\':
			out = append(out, p.data[from:p.at]...)
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
			from = p.at
		case c < 0x20:
			return "", p.errorf("control character %#02x in a text, want it escaped", c)
		case c < utf8.RuneSelf:
			p.at++
		default:
			r, size := utf8.DecodeRune(p.data[p.at:])
			if r == utf8.RuneError && size == 1 {
				return "", p.errorf("byte %#02x is not UTF-8", c)
			}
			p.at += size
		}
	}
	return "", p.errorf("the text that opens at byte %d has no end", open)
}

func (p *parser) escape() (rune, error) {
	start := p.at
	p.at++
	if p.at >= len(p.data) {
		return 0, p.errorf("an escape has no end")
	}
	c := p.data[p.at]
	p.at++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
	default:
		p.at = start
		return 0, p.errorf("unknown escape \\%c", rune(c))
	}
	r, err := p.hex4()
	if err != nil {
		return 0, err
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if r < 0xdc00 && p.at+1 < len(p.data) && p.data[p.at] == '\\' && p.data[p.at+1] == 'u' {
		p.at += 2
		low, err := p.hex4()
		if err != nil {
			return 0, err
		}
		if full := utf16.DecodeRune(r, low); full != utf8.RuneError {
			return full, nil
		}
	}
	p.at = start
	return 0, p.errorf("escape \\u%04x is half of a surrogate pair", r)
}

func (p *parser) hex4() (rune, error) {
	var r rune
	for range 4 {
		if p.at >= len(p.data) {
			return 0, p.errorf("an escape has no end")
		}
		c := p.data[p.at]
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, p.errorf("want a hexadecimal digit, have %s", p.here())
		}
		p.at++
	}
	return r, nil
}
