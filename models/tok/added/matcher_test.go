package added

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAddedTokensTakeTheTextThatTheirFlagsSay(t *testing.T) {
	t.Parallel()
	one := func(a Token) *Matcher {
		a.ID = 7
		return NewMatcher([]*Token{&a}, func(a *Token) string { return a.Content })
	}
	for _, c := range []struct {
		what, text string
		m          *Matcher
		want       []Part
	}{
		{"plain", "a<x>b", one(Token{Content: "<x>"}), []Part{{"a", 0, None}, {"", 1, 7}, {"b", 4, None}}},
		{"single word", "xab ab", one(Token{Content: "ab", SingleWord: true}), []Part{{"xab ", 0, None}, {"", 4, 7}}},
		{"lstrip", "a \u3000<x> b", one(Token{Content: "<x>", LStrip: true}), []Part{{"a", 0, None}, {"", 1, 7}, {" b", 8, None}}},
		{"rstrip", "a <x> \n b", one(Token{Content: "<x>", RStrip: true}), []Part{{"a ", 0, None}, {"", 2, 7}, {"b", 8, None}}},
		{"both, twice", "<x> <x> ", one(Token{Content: "<x>", LStrip: true, RStrip: true}), []Part{{"", 0, 7}, {"", 4, 7}}},
		{"nothing", "abc", one(Token{Content: "<x>"}), []Part{{"abc", 0, None}}},
		{"the empty text", "", one(Token{Content: "<x>"}), nil},
		{"the longest of several", "<<a>>", NewMatcher([]*Token{{ID: 1, Content: "<"}, {ID: 2, Content: "<a>"}, {ID: 3, Content: "<a>>"}}, func(a *Token) string { return a.Content }),
			[]Part{{"", 0, 1}, {"", 1, 3}}},
	} {
		if diff := cmp.Diff(c.want, c.m.Cut(nil, c.text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
}
