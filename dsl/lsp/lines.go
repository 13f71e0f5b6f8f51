package lsp

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// lines maps between bytes of a text and the protocol's positions: lines that end with \n, \r\n or \r, and characters
// that are UTF-16 code units, or bytes when the client agreed to UTF-8.
type lines struct {
	text   string
	utf8   bool
	starts []int
}

func newLines(text string, inBytes bool) *lines {
	l := &lines{text: text, utf8: inBytes, starts: []int{0}}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\n', text[i] == '\r' && !strings.HasPrefix(text[i+1:], "\n"):
			l.starts = append(l.starts, i+1)
		}
	}
	return l
}

// end is where a line's content ends.
func (l *lines) end(line int) int {
	if line+1 == len(l.starts) {
		return len(l.text)
	}
	return l.starts[line] + len(strings.TrimRight(l.text[l.starts[line]:l.starts[line+1]], "\r\n"))
}

// offset is the byte a position names; beyond a line it is the line's end, beyond the text the text's.
func (l *lines) offset(p position) int {
	switch {
	case p.Line < 0:
		return 0
	case p.Line >= len(l.starts):
		return len(l.text)
	}
	at, end := l.starts[p.Line], l.end(p.Line)
	if l.utf8 {
		at = min(at+max(p.Character, 0), end)
		for at > l.starts[p.Line] && at < end && !utf8.RuneStart(l.text[at]) {
			at--
		}
		return at
	}
	for units := p.Character; units > 0 && at < end; {
		r, n := utf8.DecodeRuneInString(l.text[at:end])
		if units -= width(r); units < 0 {
			break // in the middle of a surrogate pair
		}
		at += n
	}
	return at
}

// position is where a byte stands.
func (l *lines) position(offset int) position {
	offset = min(max(offset, 0), len(l.text))
	line := sort.SearchInts(l.starts, offset+1) - 1
	if l.utf8 {
		return position{line, offset - l.starts[line]}
	}
	units := 0
	for _, r := range l.text[l.starts[line]:offset] {
		units += width(r)
	}
	return position{line, units}
}

func (l *lines) span(from, to int) textRange {
	return textRange{l.position(from), l.position(to)}
}

// width is how many UTF-16 code units a character takes.
func width(r rune) int {
	if r >= 0x10000 {
		return 2
	}
	return 1
}
