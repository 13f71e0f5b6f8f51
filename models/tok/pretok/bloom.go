package pretok

import "unicode/utf8"

// BloomPattern is the pattern of Bloom's tokenizer. The brackets inside the class are one more class to
// the engine that the tokenizers library uses, so parentheses and the bar end a word as well.
const BloomPattern = ` ?[^(\s|[.,!?…。，、।۔،])]+`

// Bloom scans text as BloomPattern would match it; what it does not match is a piece of its own.
func Bloom() Scanner {
	t := classes()
	return func(s string, i int) (int, bool) {
		if end := t.bloomWord(s, i); end > i {
			return end, true
		}
		for i < len(s) {
			if t.bloomWord(s, i) > i {
				break
			}
			_, n := t.at(s, i)
			i += n
		}
		return i, false
	}
}

// bloomWord is the end of a match at s[i:], i when there is none.
func (t *table) bloomWord(s string, i int) int {
	start := i
	if s[i] == ' ' {
		start++
	}
	end := start
	for end < len(s) {
		n := t.bloomStop(s, end)
		if n < 0 {
			break
		}
		end += n
	}
	if end == start {
		return i
	}
	return end
}

// bloomStop is the size of the rune at s[i:] when words may hold it, else -1.
func (t *table) bloomStop(s string, i int) int {
	c := s[i]
	if c < utf8.RuneSelf {
		switch c {
		case '(', ')', '|', '.', ',', '!', '?':
			return -1
		}
	}
	class, n := t.at(s, i)
	if class == space || class == newline {
		return -1
	}
	if c >= utf8.RuneSelf {
		r, _ := utf8.DecodeRuneInString(s[i:])
		switch r {
		case '…', '。', '，', '、', '।', '۔', '،':
			return -1
		}
	}
	return n
}
