package ordjson

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// maxDepth bounds nesting, so that no input can exhaust the stack.
const maxDepth = 512

// What an Error may be about besides the grammar.
var (
	ErrTwice     = errors.New("a key stands twice")
	ErrSurrogate = errors.New("half of a surrogate pair")
)

// usualKeys is how many keys an object is thought to have.
const usualKeys = 4

// roomy is an object with the memory of as many members.
type roomy struct {
	object Object
	keys   [usualKeys]string
	values [usualKeys]any
}

// Error is a place where a text is not JSON.
type Error struct {
	Offset int // byte offset in the input
	Reason string
	Kind   error // ErrTwice, ErrSurrogate or nil
}

func (e *Error) Error() string { return fmt.Sprintf("byte %d: %s", e.Offset, e.Reason) }

// Unwrap is the error's kind.
func (e *Error) Unwrap() error { return e.Kind }

// Parse reads one value that fills data.
func Parse(data []byte) (any, error) {
	return parse(parser{data: data, text: string(data), repeats: true})
}

// ParseOwned reads one value that fills data and makes data the memory of its texts: nobody may use it any more. valid says
// that data is known to be UTF-8; without it data is left as it is. A key that stands twice in an object is an error, unless
// the last one may count.
func ParseOwned(data []byte, valid, repeats bool) (any, error) {
	return parse(parser{data: data, text: unsafe.String(unsafe.SliceData(data), len(data)), repeats: repeats, valid: valid, owned: valid})
}

func parse(p parser) (any, error) {
	p.space()
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.space() < len(p.data) {
		return nil, p.errorf("text after the value: %s", p.here())
	}
	return v, nil
}

// ParsePrefix reads the value that data begins with and says how many bytes it took.
func ParsePrefix(data []byte) (v any, n int, err error) {
	p := parser{data: data, repeats: true}
	p.space()
	if v, err = p.value(0); err != nil {
		return nil, p.at, err
	}
	return v, p.at, nil
}

type parser struct {
	data    []byte
	text    string // the same bytes, for texts to share; "" makes texts of their own
	at      int
	repeats bool // the last value of a key counts
	valid   bool // all of it is known to be UTF-8
	owned   bool // texts may be written over their escapes
}

// cut is a piece of the input as a text.
func (p *parser) cut(from, to int) string {
	if p.text != "" {
		return p.text[from:to]
	}
	return string(p.data[from:to])
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
		return p.quoted()
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
	room := &roomy{}
	o := &room.object
	p.at++
	if p.space(); p.at < len(p.data) && p.data[p.at] == '}' {
		p.at++
		return o, nil
	}
	for {
		if p.space(); p.at >= len(p.data) || p.data[p.at] != '"' {
			return nil, p.errorf("want a key in quotes, have %s", p.here())
		}
		start := p.at
		key, err := p.quoted()
		if err != nil {
			return nil, err
		}
		if !p.repeats && o.find(key) >= 0 {
			return nil, &Error{Offset: start, Reason: fmt.Sprintf("key %q stands twice in the object", key), Kind: ErrTwice}
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
		if o.Keys == nil {
			o.Keys, o.Values = room.keys[:0], room.values[:0]
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
	return Number(p.cut(from, p.at)), nil
}

// quoted reads a text. One without escapes is cut out of the input in one piece.
func (p *parser) quoted() (string, error) {
	open := p.at
	p.at++
	var out []byte
	from := p.at
	for {
		p.plain()
		if p.at >= len(p.data) {
			return "", p.errorf("the text that opens at byte %d has no end", open)
		}
		switch c := p.data[p.at]; {
		case c == '"':
			end := p.at
			p.at++
			if out == nil {
				return p.cut(from, end), nil
			}
			out = append(out, p.data[from:end]...)
			return unsafe.String(unsafe.SliceData(out), len(out)), nil
		case c == '\\':
			switch {
			case out != nil:
				out = append(out, p.data[from:p.at]...)
			case p.owned: // no escape is shorter than what it stands for
				out = p.data[from:p.at]
			default:
				out = append(make([]byte, 0, p.length(from)), p.data[from:p.at]...)
			}
			if p.at+1 < len(p.data) {
				if c := short(p.data[p.at+1]); c != 0 {
					out = append(out, c)
					p.at += 2
					from = p.at
					continue
				}
			}
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
			from = p.at
		case c < 0x20:
			return "", p.errorf("control character %#02x in a text, want it escaped", c)
		default:
			r, size := utf8.DecodeRune(p.data[p.at:])
			if r == utf8.RuneError && size == 1 {
				return "", p.errorf("byte %#02x is not UTF-8", c)
			}
			p.at += size
		}
	}
}

// length is how many bytes the text that begins at a place has before its escapes are read.
func (p *parser) length(from int) int {
	at := p.at
	defer func() { p.at = at }()
	for p.at < len(p.data) && p.data[p.at] != '"' {
		if p.data[p.at] == '\\' {
			p.at++
		}
		p.at = min(p.at+1, len(p.data))
		p.plain()
	}
	return p.at - from
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plain passes what stands for itself, eight bytes at a time: a byte has its high bit set in one of the terms when it is
// a quote, a backslash, below space or, where UTF-8 is still to be checked, above ASCII. Terms of bytes above ASCII mean
// nothing; borrows go no further than from a byte that is found to the next.
func (p *parser) plain() {
	at, data := p.at, p.data
	for ; at+8 <= len(data); at += 8 {
		w := binary.LittleEndian.Uint64(data[at:])
		quote, slash := w^(ones*'"'), w^(ones*'\\')
		found := ((w - ones*0x20) | (quote - ones) | (slash - ones)) &^ w & highs
		if !p.valid {
			found |= w & highs
		}
		if found != 0 {
			p.at = at + bits.TrailingZeros64(found)/8
			return
		}
	}
	for at < len(data) && data[at] >= 0x20 && (data[at] < utf8.RuneSelf || p.valid) && data[at] != '"' && data[at] != '\\' {
		at++
	}
	p.at = at
}

// short is what an escape of a backslash and one character stands for; 0 when there is none.
func short(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case '"', '\\', '/':
		return c
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	}
	return 0
}

// escape reads an escape that is not short.
func (p *parser) escape() (rune, error) {
	start := p.at
	p.at++
	if p.at >= len(p.data) {
		return 0, p.errorf("an escape has no end")
	}
	c := p.data[p.at]
	p.at++
	if c != 'u' {
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
	return 0, &Error{Offset: start, Reason: fmt.Sprintf("escape \\u%04x is half of a surrogate pair", r), Kind: ErrSurrogate}
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
