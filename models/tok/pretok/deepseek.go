package pretok

import "unicode"

// Patterns of DeepSeek's tokenizers that are more than runs of one class.
const (
	// DeepSeek3Pattern is the last of V3's.
	DeepSeek3Pattern = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
	// TrailingPattern is V2's for blanks at the end of a line.
	TrailingPattern = `\s+$`
)

// DeepSeek3 scans text as DeepSeek3Pattern would match it; numbers and control characters lie between.
func DeepSeek3() Scanner {
	d := &deepseek{table: classes()}
	d.word.addTable(unicode.L)
	d.word.addTable(unicode.M)
	d.mark.addTable(unicode.P)
	d.mark.addTable(unicode.S)
	return func(s string, i int) (int, bool) { return between(s, i, d.end) }
}

type deepseek struct {
	*table
	word runeSet // letters and what combines with them
	mark runeSet // punctuation and symbols
}

func (d *deepseek) end(s string, i int) int {
	word, n := d.word.at(s, i)
	if word {
		return d.words(s, i+n)
	}
	mark, _ := d.mark.at(s, i)
	next := i + n
	if mark && s[i] < 0x80 && next < len(s) && asciiLetter(s[next]) {
		for next < len(s) && asciiLetter(s[next]) {
			next++
		}
		return next
	}
	if !mark && s[i] != '\r' && s[i] != '\n' && next < len(s) {
		if in, n := d.word.at(s, next); in {
			return d.words(s, next+n)
		}
	}
	if s[i] == ' ' && next < len(s) {
		mark, _ = d.mark.at(s, next)
	} else {
		next = i
	}
	if mark {
		for next < len(s) {
			in, n := d.mark.at(s, next)
			if !in {
				break
			}
			next += n
		}
		return d.run(s, next, newline)
	}
	if c, _ := d.at(s, i); c == space || c == newline {
		return d.breaks(s, i)
	}
	return i
}

func (d *deepseek) words(s string, i int) int {
	for i < len(s) {
		in, n := d.word.at(s, i)
		if !in {
			break
		}
		i += n
	}
	return i
}

func asciiLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// Trailing scans text as TrailingPattern would match it: blanks up to the end of the text or a line break.
func Trailing() Scanner {
	t := classes()
	return func(s string, i int) (int, bool) { return between(s, i, t.trailing) }
}

func (t *table) trailing(s string, i int) int {
	end, _, _ := t.spaces(s, i)
	if end == len(s) {
		return end
	}
	for k := end - 1; k > i; k-- {
		if s[k] == '\n' {
			return k
		}
	}
	return i
}
