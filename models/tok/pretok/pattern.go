package pretok

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// Span is a part of a text, in bytes; Match says that the pattern matched it.
type Span struct {
	Start, End int
	Match      bool
}

// Pattern finds its matches in a text.
type Pattern interface {
	// Spans appends matches and what lies between them, in order, covering all of s. A match may be empty.
	Spans(dst []Span, s string) []Span
}

// Spans makes every piece of the scan a span.
func (scan Scanner) Spans(dst []Span, s string) []Span {
	for i := 0; i < len(s); {
		end, matched := scan(s, i)
		dst = append(dst, Span{i, end, matched})
		i = end
	}
	return dst
}

// Literal matches a text that is not empty.
type Literal string

// Spans finds the literal from left to right.
func (l Literal) Spans(dst []Span, s string) []Span {
	for i := 0; i < len(s); {
		at := strings.Index(s[i:], string(l))
		if at < 0 {
			return append(dst, Span{i, len(s), false})
		}
		if at > 0 {
			dst = append(dst, Span{i, i + at, false})
		}
		i += at
		dst = append(dst, Span{i, i + len(l), true})
		i += len(l)
	}
	return dst
}

// Rune matches every single rune for which it is true.
type Rune func(r rune) bool

// Spans makes each matching rune a match of its own.
func (is Rune) Spans(dst []Span, s string) []Span {
	from := 0
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if is(r) {
			if from < i {
				dst = append(dst, Span{from, i, false})
			}
			dst = append(dst, Span{i, i + n, true})
			from = i + n
		}
		i += n
	}
	if from < len(s) {
		dst = append(dst, Span{from, len(s), false})
	}
	return dst
}

// Regex is the pattern written in the syntax of the tokenizers library's engine: a Scanner when it is well known.
func Regex(pattern string) (Pattern, error) {
	if scan := known(pattern); scan != nil {
		return scan, nil
	}
	return compile(pattern)
}

func compile(pattern string) (Pattern, error) {
	text, err := translate(pattern)
	if err != nil {
		return nil, fmt.Errorf("read pattern %q: %w", pattern, err)
	}
	re, err := regexp2.Compile(text, regexp2.Multiline)
	if err != nil {
		return nil, fmt.Errorf("read pattern %q: %w", pattern, err)
	}
	return engine{re}, nil
}

// engine is a regular expression of any kind.
type engine struct{ re *regexp2.Regexp }

// Spans follows the reference's iteration: an empty match directly behind another match does not count.
func (e engine) Spans(dst []Span, s string) []Span {
	runes := make([]rune, 0, len(s))
	offset := make([]int, 0, len(s)+1)
	for i, r := range s {
		runes = append(runes, r)
		offset = append(offset, i)
	}
	offset = append(offset, len(s))
	from, behind := 0, -1 // in runes: what is not covered yet, the end of the last match
	for at := 0; at <= len(runes); {
		m, err := e.re.FindRunesMatchStartingAt(runes, at)
		if err != nil || m == nil { // an error is a time limit, and none is set
			break
		}
		start, end := m.Index, m.Index+m.Length
		if start == end && end == behind {
			at++
			continue
		}
		if from < start {
			dst = append(dst, Span{offset[from], offset[start], false})
		}
		dst = append(dst, Span{offset[start], offset[end], true})
		from, behind, at = end, end, end
	}
	if from < len(runes) {
		dst = append(dst, Span{offset[from], len(s), false})
	}
	return dst
}
