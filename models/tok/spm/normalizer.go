package spm

import (
	"strings"
	"unicode/utf8"

	"github.com/belay-ml/belay/models/tok/trie"
)

// normalizer prepares a text for the pieces.
type normalizer struct {
	charsmap *Charsmap  // nil: characters stay
	user     *trie.Trie // texts that pass untouched, nil without any
	dummy    bool       // a blank is put in front
	squeeze  bool       // blanks at both ends and beside blanks go
	escape   bool       // a blank becomes ▁
	suffix   bool       // the dummy blank goes behind
}

// mark stands for a blank in pieces.
const mark = "▁"

func (n *normalizer) blank() string {
	if n.escape {
		return mark
	}
	return " "
}

// append normalises the two texts as if they were one, but for what would match across the seam.
func (n *normalizer) append(dst []byte, before, text string) []byte {
	start := len(dst)
	if n.squeeze {
		if before = n.trim(before); before == "" {
			text = n.trim(text)
		}
	}
	if before == "" && text == "" {
		return dst
	}
	if n.dummy && !n.suffix {
		dst = append(dst, n.blank()...)
	}
	wasBlank := n.squeeze
	dst, wasBlank = n.body(dst, before, wasBlank)
	dst, _ = n.body(dst, text, wasBlank)
	if n.squeeze {
		blank := n.blank()
		for len(dst)-start >= len(blank) && string(dst[len(dst)-len(blank):]) == blank {
			dst = dst[:len(dst)-len(blank)]
		}
	}
	if n.dummy && n.suffix {
		dst = append(dst, n.blank()...)
	}
	return dst
}

// trim takes away what normalises to blanks in front.
func (n *normalizer) trim(text string) string {
	for text != "" {
		out, size := n.first(text)
		if out != " " {
			break
		}
		text = text[size:]
	}
	return text
}

// body appends the characters of text. wasBlank says that a blank here would stand beside one.
func (n *normalizer) body(dst []byte, text string, wasBlank bool) ([]byte, bool) {
	plain := n.charsmap == nil && n.user == nil
	for i := 0; i < len(text); {
		if c := text[i]; plain && c < utf8.RuneSelf && c != ' ' {
			end := i + 1
			for end < len(text) && text[end] < utf8.RuneSelf && text[end] != ' ' {
				end++
			}
			dst = append(dst, text[i:end]...)
			i, wasBlank = end, false
			continue
		}
		out, size := n.first(text[i:])
		i += size
		if wasBlank {
			out = strings.TrimLeft(out, " ")
		}
		if out == "" {
			if !n.squeeze {
				wasBlank = false
			}
			continue
		}
		wasBlank = n.squeeze && out[len(out)-1] == ' '
		if !n.escape || strings.IndexByte(out, ' ') < 0 {
			dst = append(dst, out...)
			continue
		}
		for k := range len(out) {
			if out[k] == ' ' {
				dst = append(dst, mark...)
			} else {
				dst = append(dst, out[k])
			}
		}
	}
	return dst, wasBlank
}

// first is what the beginning of a text becomes, and the size of that beginning.
func (n *normalizer) first(text string) (string, int) {
	if n.user != nil {
		if _, size := n.user.Longest(text); size > 0 {
			return text[:size], size
		}
	}
	if n.charsmap != nil {
		if out, size := n.charsmap.Longest(text); size > 0 {
			return out, size
		}
	}
	r, size := utf8.DecodeRuneInString(text)
	if r == utf8.RuneError && size == 1 {
		return "\uFFFD", 1
	}
	return text[:size], size
}
