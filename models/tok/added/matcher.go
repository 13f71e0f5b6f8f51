package added

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/belay-ml/belay/models/tok/pretok"
	"github.com/belay-ml/belay/models/tok/trie"
)

// Matcher finds tokens in a text: the leftmost, and of those the longest.
type Matcher struct {
	tokens []*Token // by the value of the trie
	trie   *trie.Trie
	first  [256]bool
	only   int // the first byte when all tokens share it, else -1
}

// NewMatcher looks for text(t) of each token; of two equal texts the first counts.
func NewMatcher(tokens []*Token, text func(*Token) string) *Matcher {
	m := &Matcher{only: -1}
	var keys []string
	for _, t := range tokens {
		content := text(t)
		if content == "" {
			continue
		}
		keys = append(keys, content)
		m.tokens = append(m.tokens, t)
		m.first[content[0]] = true
		if len(m.tokens) == 1 {
			m.only = int(content[0])
		} else if m.only != int(content[0]) {
			m.only = -1
		}
	}
	m.trie = trie.New(keys, nil)
	return m
}

// Empty says that there is nothing to be found.
func (m *Matcher) Empty() bool { return len(m.tokens) == 0 }

// Find is the first match at or behind from: its token and bounds; nil without one.
func (m *Matcher) Find(s string, from int) (t *Token, start, end int) {
	if len(m.tokens) == 0 {
		return nil, 0, 0
	}
	for i := from; i < len(s); i++ {
		if m.only >= 0 {
			n := strings.IndexByte(s[i:], byte(m.only))
			if n < 0 {
				return nil, 0, 0
			}
			i += n
		} else if !m.first[s[i]] {
			continue
		}
		if best, n := m.trie.Longest(s[i:]); n > 0 {
			return m.tokens[best], i, i + n
		}
	}
	return nil, 0, 0
}

// None is the id of a part that is no added token.
const None = int32(math.MinInt32)

// Part is a piece of text between added tokens, or one of them.
type Part struct {
	Text  string
	Start int // in the text that was cut
	ID    int32
}

// Cut appends the added tokens of s and what lies between them (id None), in order.
func (m *Matcher) Cut(dst []Part, s string) []Part {
	done := 0
	for from := 0; ; {
		t, start, end := m.Find(s, from)
		if t == nil {
			break
		}
		from = end
		if t.SingleWord && (wordBefore(s[:start]) || wordAfter(s[end:])) {
			continue
		}
		if t.LStrip {
			start = len(strings.TrimRightFunc(s[:start], unicode.IsSpace))
		}
		if t.RStrip {
			end = len(s) - len(strings.TrimLeftFunc(s[end:], unicode.IsSpace))
		}
		if start = max(start, done); done < start {
			dst = append(dst, Part{s[done:start], done, None})
		}
		dst = append(dst, Part{"", start, t.ID})
		done = max(done, end)
	}
	if done < len(s) {
		dst = append(dst, Part{s[done:], done, None})
	}
	return dst
}

func wordBefore(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && pretok.IsWord(r)
}

func wordAfter(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && pretok.IsWord(r)
}
