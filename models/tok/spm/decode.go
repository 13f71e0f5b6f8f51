package spm

import (
	"strings"
	"unicode/utf8"
)

// Token is a piece by its text, which need not be that of the id: an unknown text has the id of the unknown piece.
type Token struct {
	Text string
	ID   int32
}

// Lookup is the token of a text.
func (m *Model) Lookup(text string) Token {
	if id, ok := m.ids[text]; ok {
		return Token{text, id}
	}
	return Token{text, m.unk}
}

// Decode is the text of pieces: byte pieces together give characters, control pieces nothing, ▁ a blank; that of the
// first piece goes when one was put there.
func (m *Model) Decode(tokens []Token) string {
	var out, raw []byte
	first := true // the next piece may lose its blank
	lost := false // the last one did
	for _, t := range tokens {
		if m.pieces[t.ID].kind == Byte {
			b, _ := byteOf(m.pieces[t.ID].text)
			raw = append(raw, b)
			continue
		}
		out, raw = flush(out, raw), raw[:0]
		if lost || len(out) > 0 {
			first = false
		}
		out, lost = m.decodePiece(out, t, first)
	}
	out = flush(out, raw)
	if m.denorm != nil {
		out = m.denorm.append(nil, "", string(out))
	}
	return string(out)
}

func (m *Model) decodePiece(out []byte, t Token, first bool) (_ []byte, lost bool) {
	switch m.pieces[t.ID].kind {
	case Control:
		return out, false
	case Unknown:
		if t.Text == m.pieces[t.ID].text {
			return append(out, m.unkSurface...), false
		}
		return append(out, t.Text...), false
	}
	text := t.Text
	if first && (m.norm.dummy || m.norm.squeeze) {
		text, lost = strings.CutPrefix(text, mark)
		lost = lost && !m.norm.squeeze // then all blanks in front go
	}
	for {
		before, after, found := strings.Cut(text, mark)
		out = append(out, before...)
		if !found {
			return out, lost
		}
		out = append(out, ' ')
		text = after
	}
}

// flush appends the bytes of a run of byte pieces, each one that is no part of a character as U+FFFD.
func flush(out, raw []byte) []byte {
	for len(raw) > 0 {
		r, n := utf8.DecodeRune(raw)
		out = utf8.AppendRune(out, r)
		raw = raw[n:]
	}
	return out
}
