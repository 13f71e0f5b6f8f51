package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// upper is Python's str.upper: ß becomes SS.
func upper(s string) string {
	return strings.ToUpper(strings.NewReplacer("ß", "SS", "ŉ", "ʼN", "ﬁ", "FI", "ﬂ", "FL", "ﬀ", "FF", "ﬃ", "FFI", "ﬄ", "FFL").Replace(s))
}

// lower is Python's str.lower: a sigma at the end of a word has its own form.
func lower(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	var b strings.Builder
	for i, c := range s {
		switch {
		case c == 'Σ' && finalSigma(s, i):
			b.WriteRune('ς')
		case c == 'İ':
			b.WriteString("i̇")
		default:
			b.WriteRune(unicode.ToLower(c))
		}
	}
	return b.String()
}

func finalSigma(s string, i int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:i])
	after, _ := utf8.DecodeRuneInString(s[i+len("Σ"):])
	return unicode.IsLetter(before) && !unicode.IsLetter(after)
}

func capitalize(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return toTitle(s[:n]) + lower(s[n:])
}

// toTitle is the title case of one character.
func toTitle(s string) string {
	if s == "ß" {
		return "Ss"
	}
	return strings.Map(unicode.ToTitle, s)
}

// title is jinja2's filter, for which a word begins behind a blank, a hyphen or an opening bracket.
func title(s string) string {
	var b strings.Builder
	start := 0
	flush := func(end int) {
		word := s[start:end]
		if word != "" {
			_, n := utf8.DecodeRuneInString(word)
			b.WriteString(upper(word[:n]) + lower(word[n:]))
		}
		start = end
	}
	between := false // whether the run that goes on is one of separators
	for i, c := range s {
		if now := c == '-' || isSpace(c) || strings.ContainsRune("({[<", c); now != between {
			flush(i)
			between = now
		}
	}
	flush(len(s))
	return b.String()
}

// methodTitle is Python's str.title, for which a word is a run of letters.
func methodTitle(s string) string {
	var b strings.Builder
	inWord := false
	for s != "" {
		c, n := utf8.DecodeRuneInString(s)
		cased := unicode.IsUpper(c) || unicode.IsLower(c) || unicode.IsTitle(c)
		one := s[:n]
		s = s[n:]
		if inWord {
			b.WriteString(lower(one))
		} else {
			b.WriteString(toTitle(one))
		}
		inWord = cased
	}
	return b.String()
}

func swapCase(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsUpper(c) {
			return unicode.ToLower(c)
		}
		return unicode.ToUpper(c)
	}, s)
}

// strip is Python's strip, lstrip or rstrip, of blanks or of the characters given.
func strip(s string, chars any, left, right bool, who string) (any, *Error) {
	in := isSpace
	if given(chars) && chars != nil {
		set, ok := text(chars)
		if !ok {
			return nil, typeErrorf("%s arg must be None or str", who)
		}
		in = func(c rune) bool { return strings.ContainsRune(set, c) }
	}
	if left {
		s = strings.TrimLeftFunc(s, in)
	}
	if right {
		s = strings.TrimRightFunc(s, in)
	}
	return s, nil
}

// splitLines is Python's str.splitlines.
func splitLines(s string, keep bool) []string {
	var out []string
	for s != "" {
		i := strings.IndexFunc(s, func(c rune) bool {
			switch c {
			case '\n', '\r', '\v', '\f', 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029:
				return true
			}
			return false
		})
		if i < 0 {
			return append(out, s)
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		if strings.HasPrefix(s[i:], "\r\n") {
			n = 2
		}
		if keep {
			out = append(out, s[:i+n])
		} else {
			out = append(out, s[:i])
		}
		s = s[i+n:]
	}
	return out
}
