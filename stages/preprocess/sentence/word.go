package sentence

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// isSpace is Python's \s.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// isLetter is Python's [^\W\d].
func isLetter(r rune) bool { return r == '_' || unicode.In(r, unicode.L, unicode.Nl, unicode.No) }

// isOutside says that a character is never part of a word (NLTK: _re_non_word_chars).
func isOutside(r rune) bool { return r < utf8.RuneSelf && strings.ContainsRune(`)";}]*:@'({[?!`, r) }

// beginsNoWord is the characters that stand for themselves (NLTK: _re_word_start, which excludes them).
func beginsNoWord(r rune) bool {
	return r < utf8.RuneSelf && strings.ContainsRune("(\"`{[:;&#*@)}]-,", r)
}

// isEnd says that a sentence may end at a character.
func isEnd(c byte) bool { return c == '.' || c == '?' || c == '!' }

// run is the length of dashes, periods or spaced periods at the beginning of s that make one word, or 0.
func run(s string) int {
	n := 0
	for n < len(s) && s[n] == '-' {
		n++
	}
	if n >= 2 {
		return n
	}
	for n = 0; n < len(s) && s[n] == '.'; {
		n++
	}
	if n >= 2 {
		return n
	}
	// at least two times a period and a space, and a period
	last := 0
	for at, count := 0, 0; at < len(s) && s[at] == '.'; {
		r, size := utf8.DecodeRuneInString(s[at+1:])
		if count >= 2 {
			last = at + 1
		}
		if size == 0 || !isSpace(r) {
			break
		}
		at += 1 + size
		count++
	}
	return last
}

// words cuts a line into words and punctuation; periods stay with their words.
func words(dst []string, line string) []string {
	for at := 0; at < len(line); {
		r, size := utf8.DecodeRuneInString(line[at:])
		switch n := run(line[at:]); {
		case n > 0:
			size = n
		case isSpace(r):
			at += size
			continue
		case !beginsNoWord(r):
			for !endsWord(line[at+size:]) {
				_, n := utf8.DecodeRuneInString(line[at+size:])
				size += n
			}
		}
		dst = append(dst, line[at:at+size])
		at += size
	}
	return dst
}

// endsWord says whether a word ends before rest.
func endsWord(rest string) bool {
	if stops(rest) {
		return true
	}
	return rest[0] == ',' && stops(rest[1:])
}

func stops(rest string) bool {
	if rest == "" {
		return true
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return isSpace(r) || isOutside(r) || run(rest) > 0
}

// token is a word with what is found out about it.
type token struct {
	text     string
	kind     string // in lower case, numbers as ##number##
	ends     bool   // a sentence
	short    bool   // it is an abbreviation
	ellipsis bool
}

const aNumber = "##number##"

func newToken(text string) token {
	kind := strings.ToLower(text)
	if isNumber(kind) {
		kind = aNumber
	}
	return token{text: text, kind: kind}
}

// isNumber is NLTK's ^-?[\.,]?\d[\d,\.-]*\.?$.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	if s != "" && (s[0] == '.' || s[0] == ',') {
		s = s[1:]
	}
	for i, r := range s {
		if !unicode.Is(unicode.Nd, r) && (i == 0 || r != ',' && r != '.' && r != '-') {
			return false
		}
	}
	return s != ""
}

func (t *token) hasPeriod() bool { return strings.HasSuffix(t.text, ".") }

// bare is the kind without its last period.
func (t *token) bare() string {
	if len(t.kind) > 1 {
		return strings.TrimSuffix(t.kind, ".")
	}
	return t.kind
}

// word is the kind without the period that ends a sentence.
func (t *token) word() string {
	if t.ends {
		return t.bare()
	}
	return t.kind
}

func (t *token) first() rune {
	r, _ := utf8.DecodeRuneInString(t.text)
	return r
}

// isInitial says whether a word is a letter and a period.
func (t *token) isInitial() bool {
	r, size := utf8.DecodeRuneInString(t.text)
	return isLetter(r) && t.text[size:] == "."
}
