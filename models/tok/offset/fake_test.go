package offset_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/offset"
)

// list is a tokenizer that knows the texts of its ids and nothing else; the last one is unknown.
type list []string

func (l list) Encode([]int32, string, bool) []int32 { panic("not asked") }
func (l list) Decode([]int32, bool) string          { panic("not asked") }
func (l list) VocabSize() int                       { return len(l) }
func (l list) ID(string) (int32, bool)              { return 0, false }
func (l list) Token(id int32) string                { return l[id] }
func (l list) Special() tok.Special {
	return tok.Special{BOS: -1, EOS: -1, PAD: -1, UNK: int32(len(l) - 1)}
}
func (l list) Add(string) (tok.Tokenizer, int32) { panic("not asked") }

func TestTokensStandWhereTheirTextIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text   string
		tokens list
		want   []offset.Span
	}{
		"blanks as marks, one put in front":        {"ab c", list{"▁ab", "▁c", "?"}, []offset.Span{{0, 2}, {2, 4}, {}}},
		"bytes of one character":                   {"aé", list{"a", "<0xC3>", "<0xA9>", "?"}, []offset.Span{{0, 1}, {1, 3}, {1, 3}, {}}},
		"blanks that a special token takes along":  {"a  <x> b", list{"a", "<x>", "b", "?"}, []offset.Span{{0, 1}, {3, 6}, {7, 8}, {}}},
		"pieces of words":                          {"abc", list{"ab", "##c", "?"}, []offset.Span{{0, 2}, {2, 3}, {}}},
		"an unknown token":                         {"a☃b", list{"a", "b", "?"}, []offset.Span{{0, 1}, {4, 5}, {1, 4}}},
		"what a normaliser made shorter":           {"a\u0301\u0328 a\u0301\u0328", list{"ą", "\u0301", " ", "ą", "\u0301", "?"}, []offset.Span{{0, 7}, {0, 7}, {0, 7}, {0, 7}, {7, 11}, {}}},
		"what a normaliser changed, and then more": {"xA\u030ay<|end|>z", list{"x", "\u00c5", "y<|", "end", "|>z", "?"}, []offset.Span{{0, 1}, {1, 4}, {4, 7}, {7, 10}, {10, 13}, {}}},
	} {
		ids := make([]int32, len(c.tokens)-1)
		for i := range ids {
			ids[i] = int32(i)
		}
		want := c.want[:len(ids)]
		if name == "an unknown token" {
			ids, want = []int32{0, 2, 1}, []offset.Span{c.want[0], c.want[2], c.want[1]}
		}
		got, err := offset.Find(nil, c.tokens, c.text, ids)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTokensOfAnotherTextAreNotFound(t *testing.T) {
	t.Parallel()
	tokens := make(list, 400)
	ids := make([]int32, 399)
	for i := range tokens {
		tokens[i] = "other"
	}
	if got, err := offset.Find(nil, tokens, "text", ids); err == nil {
		t.Errorf("spans %v, want an error", got)
	}
}
