package pretok

import (
	"sync"
	"unicode"
	"unicode/utf8"
)

// The classes that the well-known patterns ask about.
const (
	other   byte = iota
	letter       // \p{L}
	number       // \p{N}
	space        // \s without the next: Unicode's White_Space, so U+0085, U+2028 and U+3000 too
	newline      // [\r\n]
)

// table has the class of each rune of the basic plane.
type table [1 << 16]byte

var classes = sync.OnceValue(func() *table {
	t := new(table)
	fill := func(rt *unicode.RangeTable, class byte) {
		for _, r := range rt.R16 {
			for c := int(r.Lo); c <= int(r.Hi); c += int(r.Stride) {
				t[c] = class
			}
		}
	}
	fill(unicode.L, letter)
	fill(unicode.N, number)
	fill(unicode.White_Space, space)
	t['\r'], t['\n'] = newline, newline
	return t
})

// at is the class of the rune at s[i:] and its size in bytes. An invalid byte is a rune of its own.
func (t *table) at(s string, i int) (byte, int) {
	if c := s[i]; c < utf8.RuneSelf {
		return t[c], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	if r < 1<<16 {
		return t[r], n
	}
	switch {
	case unicode.IsLetter(r):
		return letter, n
	case unicode.IsNumber(r):
		return number, n
	}
	return other, n
}

// run is the end of the run of one class that begins at s[i:].
func (t *table) run(s string, i int, class byte) int {
	for i < len(s) {
		c, n := t.at(s, i)
		if c != class {
			break
		}
		i += n
	}
	return i
}

// spaces is the end of the white space at s[i:], line breaks included; lastBreak is the end of the last
// line break in it (-1: none), last the start of its last rune.
func (t *table) spaces(s string, i int) (end, lastBreak, last int) {
	lastBreak, last = -1, i
	for i < len(s) {
		c, n := t.at(s, i)
		if c != space && c != newline {
			break
		}
		last = i
		i += n
		if c == newline {
			lastBreak = i
		}
	}
	return i, lastBreak, last
}

// IsWord is \w of Unicode's annex 18, as Rust's regular expressions have it.
func IsWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.In(r, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}
