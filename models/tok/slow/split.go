package slow

import (
	"strings"
	"unicode"
)

// part is a stretch of text; blank says that ▁ stands in front of it.
type part struct {
	text  string
	blank bool
}

func (p part) empty() bool { return p.text == "" && !p.blank }

// work is the memory of one text with added tokens in it.
type work struct{ parts []part }

// parts cuts a text at its added tokens as PreTrainedTokenizer.tokenize does, and appends the ids of all parts.
func (t *Tokenizer) parts(dst []int32, text string, blank bool) []int32 {
	w := t.idle.Take()
	all := w.parts[:0]
	done := 0
	for {
		a, start, end := t.matcher.Find(text, done)
		if a == nil {
			break
		}
		if start > done || blank && done == 0 && len(all) == 0 {
			all = append(all, part{text[done:start], blank && len(all) == 0})
		}
		all = append(all, part{text: text[start:end]})
		done = end
	}
	if done < len(text) {
		all = append(all, part{text: text[done:]})
	}
	for i := range all {
		t.flags(all, i)
	}
	start, n := len(dst), 0 // n counts parts
	for _, p := range all {
		if p.empty() {
			continue
		}
		if n++; p.blank || t.byText[p.text] == nil {
			dst = t.part(dst, p)
			continue
		}
		if t.blank && n == 2 && len(dst) == start+1 && dst[start] == t.markID && t.special[p.text] {
			dst = dst[:start] // the blank that the class puts in front does not stand before a special token
		}
		dst = append(dst, t.byText[p.text].ID)
	}
	clear(all) // hold no caller's text
	w.parts = all
	t.idle.Put(w)
	return dst
}

// flags does what the flags of the added token at i say to its neighbours.
func (t *Tokenizer) flags(all []part, i int) {
	a := t.byText[all[i].text]
	if a == nil || all[i].blank {
		return
	}
	var left, right *part
	if i > 0 && !all[i-1].empty() {
		left = &all[i-1]
	}
	if i+1 < len(all) && !all[i+1].empty() {
		right = &all[i+1]
	}
	leftBlank := left != nil && strings.HasSuffix(left.text, " ")
	rightBlank := right != nil && strings.HasPrefix(right.text, " ")
	if a.RStrip && right != nil {
		right.text = strings.TrimLeftFunc(right.text, isSpace)
	}
	if a.LStrip && left != nil {
		left.text = strings.TrimRightFunc(left.text, isSpace)
	}
	switch {
	case !a.SingleWord:
	case left != nil && !leftBlank:
		left.text += all[i].text
		all[i] = part{}
	case right != nil && !rightBlank:
		right.text = all[i].text + right.text
		all[i] = part{}
	}
}

// isSpace is Python's str.isspace, which counts four separators of ASCII besides Unicode's.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
