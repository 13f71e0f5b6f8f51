package hfjson

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// added is a token that is recognised in the text before anything else.
type added struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"` // not inside a word
	LStrip     bool   `json:"lstrip"`      // takes the blanks before it
	RStrip     bool   `json:"rstrip"`      // and behind it
	Normalized bool   `json:"normalized"`  // looked for in the normalised text
	Special    bool   `json:"special"`
}

// matcher finds added tokens in a text: the leftmost, and of those the longest.
type matcher struct {
	tokens []*added // by the number a node gives
	nodes  map[uint64]int32
	final  []int32 // by node: index of the token that ends there, -1
	first  [256]bool
	only   int // the first byte when all tokens share it, else -1
}

// newMatcher builds the trie of the texts of tokens; of two equal texts the first counts.
func newMatcher(tokens []*added, text func(*added) string) *matcher {
	m := &matcher{nodes: map[uint64]int32{}, final: []int32{-1}, only: -1}
	for _, t := range tokens {
		content := text(t)
		if content == "" {
			continue
		}
		at := int32(0)
		for i := range len(content) {
			key := uint64(at)<<8 | uint64(content[i])
			next, ok := m.nodes[key]
			if !ok {
				next = int32(len(m.final))
				m.nodes[key] = next
				m.final = append(m.final, -1)
			}
			at = next
		}
		if m.final[at] < 0 {
			m.final[at] = int32(len(m.tokens))
			m.tokens = append(m.tokens, t)
		}
		m.first[content[0]] = true
		if len(m.tokens) == 1 {
			m.only = int(content[0])
		} else if m.only != int(content[0]) {
			m.only = -1
		}
	}
	return m
}

// find is the first match at or behind from: its token and bounds; nil without one.
func (m *matcher) find(s string, from int) (t *added, start, end int) {
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
		at, best := int32(0), int32(-1)
		for k := i; k < len(s); k++ {
			next, ok := m.nodes[uint64(at)<<8|uint64(s[k])]
			if !ok {
				break
			}
			if at = next; m.final[at] >= 0 {
				best, end = m.final[at], k+1
			}
		}
		if best >= 0 {
			return m.tokens[best], i, end
		}
	}
	return nil, 0, 0
}

// none is the id of a part that is no added token.
const none = int32(math.MinInt32)

// part is a piece of text between added tokens, or one of them.
type part struct {
	text  string
	start int // in the text that was cut
	id    int32
}

// cut appends the added tokens of s and what lies between them (id none), in order.
func (m *matcher) cut(dst []part, s string) []part {
	done := 0
	for from := 0; ; {
		t, start, end := m.find(s, from)
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
			dst = append(dst, part{s[done:start], done, none})
		}
		dst = append(dst, part{"", start, t.ID})
		done = max(done, end)
	}
	if done < len(s) {
		dst = append(dst, part{s[done:], done, none})
	}
	return dst
}

func wordBefore(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && isWord(r)
}

func wordAfter(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && isWord(r)
}
