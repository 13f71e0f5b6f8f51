package offset

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/belay-ml/belay/models/tok"
)

// Span is a stretch of a text, in bytes, of whole characters. A token for a part of a character has the character, and
// one for a blank that was put in front has the character behind it, as in the library.
type Span struct{ Start, End int }

// finder lays tokens along a text.
type finder struct {
	t     tok.Tokenizer
	bytes interface {
		AppendBytes(dst []byte, id int32, skipSpecial bool) ([]byte, bool)
	}
	unk  int32
	text string
	ids  []int32
	out  []Span
	buf  []byte
}

// Find appends to dst the place of each id of text's encoding without the tokenizer's own special tokens.
func Find(dst []Span, t tok.Tokenizer, text string, ids []int32) ([]Span, error) {
	f := &finder{t: t, unk: t.Special().UNK, text: text, ids: ids, out: slices.Grow(dst, len(ids)), buf: make([]byte, 0, 64)}
	f.bytes, _ = t.(interface {
		AppendBytes(dst []byte, id int32, skipSpecial bool) ([]byte, bool)
	})
	from := len(dst)
	at := 0
	for i := 0; i < len(ids); {
		if span, ok := f.match(at, i); ok {
			f.out = append(f.out, span)
			at = max(at, span.End)
			i++
			continue
		}
		next, n, ok := f.resume(at, i)
		if !ok {
			return dst, fmt.Errorf("find tokens in text: token %d (%q) is not to be found behind byte %d", i, t.Token(ids[i]), at)
		}
		for range n {
			f.out = append(f.out, Span{at, next})
		}
		at, i = next, i+n
	}
	if n := len(f.out); n > from && strings.TrimSpace(text[at:]) != "" { // the rest is the last one's
		f.out[n-1].End = len(text)
	}
	for i := range f.out[from:] {
		f.whole(&f.out[from+i])
	}
	return f.out, nil
}

// whole widens a span to whole characters.
func (f *finder) whole(s *Span) {
	if s.Start == s.End && s.End < len(f.text) {
		s.End++
	}
	for s.Start > 0 && s.Start < len(f.text) && !utf8.RuneStart(f.text[s.Start]) {
		s.Start--
	}
	for s.End < len(f.text) && !utf8.RuneStart(f.text[s.End]) {
		s.End++
	}
}

// surface appends the text that a token stands for.
func (f *finder) surface(dst []byte, id int32) []byte {
	if f.bytes != nil {
		if out, ok := f.bytes.AppendBytes(dst, id, false); ok {
			return out
		}
	}
	const mark = "▁"
	s := f.t.Token(id)
	var b int
	if len(s) == 6 && strings.HasPrefix(s, "<0x") {
		if n, err := fmt.Sscanf(s, "<0x%02X>", &b); n == 1 && err == nil {
			return append(dst, byte(b))
		}
	}
	s = strings.TrimPrefix(s, "##")
	for {
		i := strings.Index(s, mark)
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(append(dst, s[:i]...), ' ')
		s = s[i+len(mark):]
	}
}

// match places the i-th token at a byte, or behind blanks there.
func (f *finder) match(at, i int) (Span, bool) {
	f.buf = f.surface(f.buf[:0], f.ids[i])
	rest := f.text[at:]
	if hasPrefix(rest, f.buf) {
		return Span{at, at + len(f.buf)}, true
	}
	if f.ids[i] == f.unk && f.unk >= 0 { // it stands for anything
		return Span{}, false
	}
	bare := bytes.TrimLeft(f.buf, " ")
	if len(bare) == 0 { // blanks that were put in front
		return Span{at, at}, true
	}
	if len(bare) < len(f.buf) && hasPrefix(rest, bare) {
		return Span{at, at + len(bare)}, true
	}
	trimmed := strings.TrimLeftFunc(rest, unicode.IsSpace)
	if len(trimmed) < len(rest) && hasPrefix(trimmed, bare) {
		start := len(f.text) - len(trimmed)
		return Span{start, start + len(bare)}, true
	}
	return Span{}, false
}

func hasPrefix(s string, b []byte) bool { return len(s) >= len(b) && s[:len(b)] == string(b) }

// Bounds of what resume looks at.
const (
	mostTokens = 256 // that are passed over
	anchor     = 4   // tokens that must follow in the text
)

// resume finds the place where the text goes on with tokens behind the i-th, and how many are passed over.
func (f *finder) resume(at, i int) (next, n int, ok bool) {
	reach, passed := 64, 0
	for n = 1; n <= mostTokens && i+n <= len(f.ids); n++ {
		f.buf = f.surface(f.buf[:0], f.ids[i+n-1])
		reach += 8 * (len(f.buf) + 4)
		passed += len(f.buf)
		if i+n == len(f.ids) {
			return len(f.text), n, true
		}
		f.buf = f.buf[:0]
		for j := i + n; j < min(i+n+anchor, len(f.ids)) && (f.ids[j] != f.unk || f.unk < 0); j++ {
			f.buf = f.surface(f.buf, f.ids[j])
		}
		// A normaliser makes texts shorter more often than longer, so what is passed over is not far shorter than its tokens.
		from := min(at+passed/2, len(f.text))
		window := f.text[from:min(at+reach, len(f.text))]
		want := strings.TrimLeft(string(f.buf), " ")
		if want == "" {
			continue
		}
		p := strings.Index(window, want)
		if p < 0 {
			continue
		}
		p += from
		if len(want) < len(f.buf) && p > at && f.text[p-1] == ' ' { // the blank is the next token's
			p--
		}
		for p > at && p < len(f.text) && !utf8.RuneStart(f.text[p]) {
			p--
		}
		return p, n, true
	}
	return 0, 0, false
}
