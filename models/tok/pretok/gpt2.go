package pretok

// GPT2Pattern is the pattern of GPT-2's tokenizer, built into the ByteLevel pre-tokenizer.
const GPT2Pattern = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

// GPT2 scans text as GPT2Pattern would match it.
func GPT2() Scanner {
	t := classes()
	return func(s string, i int) (int, bool) { return t.gpt2(s, i), true }
}

func (t *table) gpt2(s string, i int) int {
	if s[i] == '\'' {
		if n := contraction(s[i+1:], false); n > 0 {
			return i + 1 + n
		}
	}
	c, n := t.at(s, i)
	if s[i] == ' ' && i+1 < len(s) {
		if c2, n2 := t.at(s, i+1); c2 != space && c2 != newline {
			c, n = c2, 1+n2 // the optional blank in front
		}
	}
	if c != space && c != newline {
		return t.run(s, i+n, c)
	}
	return t.blank(s, i)
}

// blank ends `\s+(?!\S)|\s+`: the last blank before a word stays with what follows.
func (t *table) blank(s string, i int) int {
	end, _, last := t.spaces(s, i)
	if end < len(s) && last > i {
		return last
	}
	return end
}

// contraction is the length of s, t, re, ve, m, ll or d at the start of s (0: none of them). With fold
// set, letters match in either case, and the long s (U+017F) matches s as it does under case folding.
func contraction(s string, fold bool) int {
	if s == "" {
		return 0
	}
	a := lower(s[0], fold)
	switch a {
	case 's', 't', 'm', 'd':
		return 1
	case 'r', 'v', 'l':
		if len(s) < 2 {
			return 0
		}
		if b := lower(s[1], fold); a == 'l' && b == 'l' || a != 'l' && b == 'e' {
			return 2
		}
	case 0xc5: // first byte of U+017F
		if fold && len(s) > 1 && s[1] == 0xbf {
			return 2
		}
	}
	return 0
}

func lower(b byte, fold bool) byte {
	if fold && b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
