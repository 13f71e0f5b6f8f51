package pretok

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// runs matches one class of runes, repeated, behind an optional blank: patterns like \s?[A-Za-z]+, \p{N}{1,3}, [\r\n].
type runs struct {
	class runeSet
	most  int      // runes of one match; 0: any number
	blank *runeSet // what may stand in front, nil for nothing
}

// runeSet is a set of runes: a bit map of the basic plane, and what lies beyond.
type runeSet struct {
	low    [1 << 16 / 64]uint64
	ranges []runeRange
	tables []*unicode.RangeTable
}

type runeRange struct{ lo, hi rune }

func (s *runeSet) add(lo, hi rune) {
	for r := lo; r <= min(hi, 1<<16-1); r++ {
		s.low[r/64] |= 1 << (r % 64)
	}
	if hi >= 1<<16 {
		s.ranges = append(s.ranges, runeRange{lo, hi})
	}
}

func (s *runeSet) addTable(t *unicode.RangeTable) {
	for _, x := range t.R16 {
		for r := rune(x.Lo); r <= rune(x.Hi); r += rune(x.Stride) {
			s.low[r/64] |= 1 << (r % 64)
		}
	}
	s.tables = append(s.tables, t)
}

func (s *runeSet) has(r rune) bool {
	if r < 1<<16 {
		return s.low[r/64]>>(r%64)&1 != 0
	}
	for _, x := range s.ranges {
		if r >= x.lo && r <= x.hi {
			return true
		}
	}
	return unicode.IsOneOf(s.tables, r)
}

// at is whether the rune at s[i:] is in the set, and its size. An invalid byte is in none.
func (s *runeSet) at(text string, i int) (bool, int) {
	if c := text[i]; c < utf8.RuneSelf {
		return s.low[c/64]>>(c%64)&1 != 0, 1
	}
	r, n := utf8.DecodeRuneInString(text[i:])
	return n > 1 && s.has(r), n
}

// end is where the match at s[i:] ends, i without one.
func (p *runs) end(s string, i int) int {
	if p.blank != nil {
		if ok, n := p.blank.at(s, i); ok && i+n < len(s) {
			if in, _ := p.class.at(s, i+n); in {
				return p.run(s, i+n)
			}
		}
	}
	return p.run(s, i)
}

func (p *runs) run(s string, i int) int {
	for k := 0; i < len(s) && (p.most == 0 || k < p.most); k++ {
		in, n := p.class.at(s, i)
		if !in {
			break
		}
		i += n
	}
	return i
}

// scan makes what lies between two matches one piece.
func (p *runs) scan(s string, i int) (int, bool) {
	return between(s, i, p.end)
}

// between scans with a matcher, which gives the end of the match at a place, or the place itself.
func between(s string, i int, end func(s string, i int) int) (int, bool) {
	if e := end(s, i); e > i {
		return e, true
	}
	for i < len(s) {
		_, n := utf8.DecodeRuneInString(s[i:])
		if i += n; i < len(s) && end(s, i) > i {
			break
		}
	}
	return i, false
}

// parseRuns reads such a pattern; nil when it is another kind.
func parseRuns(pattern string) Scanner {
	p := &runs{}
	for _, front := range []string{`\s?`, ` ?`} {
		if rest, ok := strings.CutPrefix(pattern, front); ok {
			p.blank = &runeSet{}
			if pattern = rest; front == ` ?` {
				p.blank.add(' ', ' ')
			} else {
				p.blank.addTable(unicode.White_Space)
			}
			break
		}
	}
	rest, ok := strings.CutPrefix(pattern, "[")
	if ok {
		for !strings.HasPrefix(rest, "]") {
			if rest, ok = p.class.member(rest); !ok {
				return nil
			}
		}
		rest = rest[1:]
	} else if rest, ok = p.class.escape(pattern); !ok {
		return nil
	}
	switch {
	case rest == "+":
	case rest == "":
		p.most = 1
	case strings.HasPrefix(rest, "{1,") && strings.HasSuffix(rest, "}"):
		n, err := strconv.Atoi(rest[3 : len(rest)-1])
		if err != nil || n < 1 {
			return nil
		}
		p.most = n
	default:
		return nil
	}
	return p.scan
}

// member adds what a class begins with and gives what follows it; false for what is not simple.
func (s *runeSet) member(text string) (string, bool) {
	if strings.HasPrefix(text, `\`) {
		if rest, ok := s.escape(text); ok {
			return rest, !strings.HasPrefix(rest, "-")
		}
	}
	lo, rest, ok := classRune(text)
	if !ok {
		return text, false
	}
	hi := lo
	if strings.HasPrefix(rest, "-") && !strings.HasPrefix(rest, "-]") {
		if hi, rest, ok = classRune(rest[1:]); !ok || hi < lo {
			return text, false
		}
	}
	s.add(lo, hi)
	return rest, true
}

// classRune reads one rune of a class.
func classRune(text string) (rune, string, bool) {
	r, n := utf8.DecodeRuneInString(text)
	switch {
	case r == utf8.RuneError || strings.ContainsRune("^[]&-", r):
		return 0, text, false
	case r != '\\':
		return r, text[n:], true
	case len(text) < 2:
		return 0, text, false
	}
	switch c := text[1]; c {
	case 'r':
		return '\r', text[2:], true
	case 'n':
		return '\n', text[2:], true
	case 't':
		return '\t', text[2:], true
	default:
		letter := c >= utf8.RuneSelf || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
		return rune(c), text[2:], !letter
	}
}

// escape adds the class of \p{...}, \s or \d.
func (s *runeSet) escape(text string) (string, bool) {
	if rest, ok := strings.CutPrefix(text, `\p{`); ok {
		name, rest, _ := strings.Cut(rest, "}")
		t := unicode.Categories[name]
		if t == nil || len(name) > 2 || name == "C" || name == "Cn" || name == "LC" {
			return text, false
		}
		s.addTable(t)
		return rest, true
	}
	if rest, ok := strings.CutPrefix(text, `\s`); ok {
		s.addTable(unicode.White_Space)
		return rest, true
	}
	if rest, ok := strings.CutPrefix(text, `\d`); ok {
		s.addTable(unicode.Nd)
		return rest, true
	}
	return text, false
}
