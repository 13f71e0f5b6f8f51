package pretok

// Patterns in the manner of OpenAI's cl100k_base: a word takes one leading mark, line breaks cling to
// marks, and digits come in threes or one by one.
const (
	Llama3Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	Qwen2Pattern  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// Llama3 scans text as Llama3Pattern would match it.
func Llama3() Scanner { return cl100k(3) }

// Qwen2 scans text as Qwen2Pattern would match it.
func Qwen2() Scanner { return cl100k(1) }

func cl100k(digits int) Scanner {
	t := classes()
	return func(s string, i int) (int, bool) { return t.cl100k(s, i, digits), true }
}

func (t *table) cl100k(s string, i, digits int) int {
	if s[i] == '\'' {
		if n := contraction(s[i+1:], true); n > 0 {
			return i + 1 + n
		}
	}
	c, n := t.at(s, i)
	switch c {
	case letter:
		return t.run(s, i+n, letter)
	case number:
		end := i + n
		for k := 1; k < digits && end < len(s); k++ {
			c, n := t.at(s, end)
			if c != number {
				break
			}
			end += n
		}
		return end
	case newline:
		return t.breaks(s, i)
	}
	// a mark or a blank: in front of letters it belongs to the word
	if next := i + n; next < len(s) {
		c2, n2 := t.at(s, next)
		switch {
		case c2 == letter:
			return t.run(s, next+n2, letter)
		case s[i] == ' ' && c2 == other:
			return t.run(s, t.run(s, next+n2, other), newline)
		}
	}
	if c == other {
		return t.run(s, t.run(s, i+n, other), newline)
	}
	return t.breaks(s, i)
}

// breaks ends `\s*[\r\n]+|\s+(?!\S)|\s+`: white space up to its last line break, when it has one.
func (t *table) breaks(s string, i int) int {
	end, lastBreak, last := t.spaces(s, i)
	switch {
	case lastBreak > 0:
		return lastBreak
	case end < len(s) && last > i:
		return last
	}
	return end
}
