package trie_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/belay-ml/belay/models/tok/trie"
)

func TestATrieFindsEveryKeyThatATextBeginsWith(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[abc\x00é]{0,6}`)
		keys := rapid.SliceOf(word).Draw(t, "keys")
		text := word.Draw(t, "text") + word.Draw(t, "more")
		first := map[string]int32{}
		for i, k := range keys {
			if _, twice := first[k]; !twice && k != "" {
				first[k] = int32(i)
			}
		}
		tr := trie.New(keys, nil)
		node, alive := int32(0), true
		longest, size := trie.None, 0
		for i := range len(text) {
			var ok bool
			if node, ok = tr.Next(node, text[i]); !ok {
				alive = false
			}
			if !alive {
				break
			}
			want, has := first[text[:i+1]]
			if !has {
				want = trie.None
			} else {
				longest, size = want, i+1
			}
			if got := tr.Value(node); got != want {
				t.Fatalf("value of %q: %d, want %d", text[:i+1], got, want)
			}
		}
		for k := range first {
			if v, n := tr.Longest(k); n != len(k) || v != first[k] {
				t.Fatalf("key %q: value %d of %d bytes", k, v, n)
			}
			if strings.HasPrefix(text, k) && len(k) > size {
				t.Fatalf("key %q of %q was not met", k, text)
			}
		}
		if v, n := tr.Longest(text); v != longest || n != size {
			t.Fatalf("longest of %q: %d of %d bytes, want %d of %d", text, v, n, longest, size)
		}
	})
}

func TestAnEmptyTrieFindsNothing(t *testing.T) {
	t.Parallel()
	tr := trie.New(nil, nil)
	for b := range 256 {
		if tr.Has(byte(b)) {
			t.Errorf("byte %d begins a key", b)
		}
	}
}

func TestValuesCanBeGiven(t *testing.T) {
	t.Parallel()
	if v, n := trie.New([]string{"a", "ab", "a"}, []int32{7, 9, 3}).Longest("abc"); v != 9 || n != 2 {
		t.Errorf("%d of %d bytes", v, n)
	}
	if v, _ := trie.New([]string{"a", "a"}, []int32{7, 3}).Longest("a"); v != 7 {
		t.Errorf("the later of two equal keys counts: %d", v)
	}
}
