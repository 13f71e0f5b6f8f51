package sentence

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Splitter splits text by a model. It is safe for concurrent use.
type Splitter struct {
	Model *Model
	// KeepNewlines leaves the white space behind a sentence in it.
	KeepNewlines bool
}

// Split gives the sentences of a text. White space between them is left out, unless it is kept.
func (s Splitter) Split(text string) []string {
	var out []string
	for _, sp := range realign(text, s.spans(text)) {
		out = append(out, text[sp.from:sp.to])
	}
	return out
}

// span is a stretch of the text.
type span struct{ from, to int }

// candidate is a place at which a sentence may end.
type candidate struct {
	from, to int // what matched: the mark, and with KeepNewlines the word before and the space behind it
	after    int // end of what follows: other punctuation, or the next word
	next     int // begin of the next word, or -1 when punctuation follows
}

// spans cuts where sentences end.
func (s Splitter) spans(text string) []span {
	var out []span
	last := 0
	s.ends(text, func(c candidate, context string) {
		if !s.Model.breaks(context) {
			return
		}
		out = append(out, span{last, c.to})
		last = c.to
		if c.next >= 0 {
			last = c.next
		}
	})
	// There is no white space behind the last sentence.
	return append(out, span{last, max(last, len(strings.TrimRightFunc(text, isSpace)))})
}

// ends visits the candidates with the words around them. NLTK looks for the word before each of them backwards to a
// blank, from the word of the one before on, and leaves out a candidate whose word the next one's goes over.
func (s Splitter) ends(text string, visit func(c candidate, context string)) {
	var before candidate
	var word span
	some := false
	emit := func() { visit(before, text[word.from:word.to]+text[before.from:before.after]) }
	for c, ok := s.candidate(text, 0); ok; c, ok = s.candidate(text, c.to) {
		from := word.from
		if space := strings.LastIndexAny(text[word.to:c.from], " \t\n\r\v\f"); space > 0 {
			from = word.to + space + 1
		}
		if some && word.to <= from {
			emit()
		}
		before, word, some = c, span{from, c.from}, true
	}
	if some {
		emit()
	}
}

// candidate finds the next one from at on.
func (s Splitter) candidate(text string, at int) (candidate, bool) {
	if s.KeepNewlines {
		return keeping(text, at)
	}
	for ; at < len(text); at++ {
		if !isEnd(text[at]) {
			continue
		}
		r, size := utf8.DecodeRuneInString(text[at+1:])
		if size == 0 {
			return candidate{}, false
		}
		c := candidate{from: at, to: at + 1, next: -1}
		if isOutside(r) {
			c.after = c.to + size
			return c, true
		}
		if isSpace(r) {
			if c.next = skip(text, c.to, true); c.next < len(text) {
				c.after = skip(text, c.next, false)
				return c, true
			}
		}
	}
	return candidate{}, false
}

// keeping finds the next candidate together with its word and the white space behind it (Megatron: CustomLanguageVars):
// in each run of characters that are no space the last mark that anything follows.
func keeping(text string, at int) (candidate, bool) {
	for at < len(text) {
		from := skip(text, at, true)
		end := skip(text, from, false)
		behind := skip(text, end, true)
		for i := end - 1; i >= from; i-- {
			to := i + 1
			if i == end-1 {
				to = behind
			}
			if !isEnd(text[i]) || to == len(text) {
				continue
			}
			c := candidate{from: from, to: to, next: to}
			if r, size := utf8.DecodeRuneInString(text[to:]); isOutside(r) {
				c.next, c.after = -1, to+size
			} else {
				c.after = skip(text, to, false)
			}
			return c, true
		}
		at = end
	}
	return candidate{}, false
}

// skip is the end of a run of space, or of other characters.
func skip(text string, at int, space bool) int {
	for at < len(text) {
		r, size := utf8.DecodeRuneInString(text[at:])
		if isSpace(r) != space {
			break
		}
		at += size
	}
	return at
}

// realign gives closing punctuation behind a mark to the sentence that the mark ends.
func realign(text string, spans []span) []span {
	var out []span
	moved := 0
	for i, sp := range spans {
		sp.from = min(sp.from+moved, sp.to)
		moved = 0
		if i+1 < len(spans) {
			next := spans[i+1]
			if n, closing := closers(text[next.from:next.to]); n > 0 {
				moved = n
				sp.to = next.from + closing
				out = append(out, sp)
				continue
			}
		}
		if sp.from < sp.to {
			out = append(out, sp)
		}
	}
	return out
}

// closers is how much closing punctuation a sentence begins with, up to space (which counts), dashes or the end; and how
// much of it is not space.
func closers(s string) (n, closing int) {
	for closing < len(s) && strings.IndexByte(`"')]}`, s[closing]) >= 0 {
		closing++
		rest := s[closing:]
		if r, _ := utf8.DecodeRuneInString(rest); rest == "" || strings.HasPrefix(rest, "--") || isSpace(r) {
			return skip(s, closing, true), closing
		}
	}
	return 0, 0
}

// breaks says whether a sentence ends inside a few words.
func (m *Model) breaks(context string) bool {
	var tokens []token
	var all []string
	for line := range strings.SplitSeq(context, "\n") {
		all = words(all[:0], line)
		for _, w := range all {
			t := newToken(w)
			m.mark(&t)
			tokens = append(tokens, t)
		}
	}
	// The last word tells nothing: there is none behind it.
	for i := range len(tokens) - 1 {
		if m.decide(&tokens[i], &tokens[i+1]); tokens[i].ends {
			return true
		}
	}
	return false
}

// mark judges a word by itself.
func (m *Model) mark(t *token) {
	switch {
	case len(t.text) == 1 && isEnd(t.text[0]):
		t.ends = true
	case len(t.text) > 1 && strings.Trim(t.text, ".") == "":
		t.ellipsis = true
	case t.hasPeriod() && !strings.HasSuffix(t.text, ".."):
		name := strings.ToLower(t.text[:len(t.text)-1])
		if m.abbreviations[name] || m.abbreviations[name[strings.LastIndexByte(name, '-')+1:]] {
			t.short = true
		} else {
			t.ends = true
		}
	}
}

// decide judges a word with a period by the one that follows (Kiss and Strunk, section 4).
func (m *Model) decide(t, next *token) {
	if !t.hasPeriod() {
		return
	}
	initial := t.isInitial()
	if m.collocations[[2]string{t.bare(), next.word()}] {
		t.ends, t.short = false, true
		return
	}
	begins := m.begins(next)
	if (t.short || t.ellipsis) && !initial {
		if begins == yes || unicode.IsUpper(next.first()) && m.starters[next.word()] {
			t.ends = true
			return
		}
	}
	if !initial && t.bare() != aNumber {
		return
	}
	always := initial && unicode.IsUpper(next.first()) && m.seen[next.word()]&anyLower == 0
	if begins == no || begins == unknown && always {
		t.ends, t.short = false, true
	}
}

// guess is an answer that may be open.
type guess int

const (
	unknown guess = iota
	no
	yes
)

// begins guesses by its case whether a word begins a sentence.
func (m *Model) begins(t *token) guess {
	if len(t.text) == 1 && strings.ContainsAny(t.text, ";:,.!?") {
		return no
	}
	seen := m.seen[t.word()]
	switch {
	case unicode.IsUpper(t.first()) && seen&anyLower != 0 && seen&midUpper == 0:
		return yes
	case unicode.IsLower(t.first()) && (seen&anyUpper != 0 || seen&begLower == 0):
		return no
	}
	return unknown
}
