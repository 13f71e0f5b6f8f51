package hfjson

import (
	"sort"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// newForm is a Unicode normal form by its name. golang.org/x/text breaks runs of more than 30 combining
// marks with a joiner (stream-safe text), which the reference does not: texts with long runs go through
// the plain algorithm of Unicode's annex 15.
func newForm(name string) normalizer {
	form := map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}[name]
	return func(s string) string {
		normal := form.QuickSpanString(s)
		if normal == len(s) {
			return s
		}
		if longRun(form, s[normal:]) {
			return plainForm(form, s)
		}
		return form.String(s)
	}
}

// longRun says whether marks follow one another for longer than x/text keeps them unbroken. One rune
// has at most 18 runes in its decomposition, so the bound on runes is far below 30.
func longRun(form norm.Form, s string) bool {
	const most = 8
	run := 0
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			run = 0
			i++
			continue
		}
		p := form.PropertiesString(s[i:])
		if p.CCC() != 0 || p.TrailCCC() != 0 {
			if run++; run > most {
				return true
			}
		} else {
			run = 0
		}
		i += max(p.Size(), 1)
	}
	return false
}

// plainForm decomposes, orders marks and, for the composed forms, composes again.
func plainForm(form norm.Form, s string) string {
	decomposed := norm.NFD
	if form == norm.NFKC || form == norm.NFKD {
		decomposed = norm.NFKD
	}
	var runes []rune
	var class []uint8
	for _, r := range s {
		for _, d := range decomposed.String(string(r)) {
			runes = append(runes, d)
			class = append(class, norm.NFD.PropertiesString(string(d)).CCC())
		}
	}
	for i := 0; i < len(runes); {
		end := i + 1
		if class[i] != 0 {
			for end < len(runes) && class[end] != 0 {
				end++
			}
			sort.Stable(marks{runes[i:end], class[i:end]})
		}
		i = end
	}
	if form == norm.NFC || form == norm.NFKC {
		runes = compose(runes, class)
	}
	return string(runes)
}

type marks struct {
	runes []rune
	class []uint8
}

func (m marks) Len() int           { return len(m.runes) }
func (m marks) Less(i, j int) bool { return m.class[i] < m.class[j] }
func (m marks) Swap(i, j int) {
	m.runes[i], m.runes[j] = m.runes[j], m.runes[i]
	m.class[i], m.class[j] = m.class[j], m.class[i]
}

// compose joins each starter with the marks behind it that are not blocked.
func compose(runes []rune, class []uint8) []rune {
	out := runes[:0]
	starter := -1
	last := uint8(0) // class of the last rune kept behind the starter
	for i, r := range runes {
		c := class[i]
		if starter >= 0 && (last < c || last == 0 && starter == len(out)-1) {
			if joined, ok := pair(out[starter], r); ok {
				out[starter] = joined
				continue
			}
		}
		if c == 0 {
			starter = len(out)
		}
		last = c
		out = append(out, r)
	}
	return out
}

// pair is the one rune that a starter and a following rune compose to.
func pair(a, b rune) (rune, bool) {
	s := norm.NFC.String(string(a) + string(b))
	r, n := utf8.DecodeRuneInString(s)
	return r, n == len(s)
}
