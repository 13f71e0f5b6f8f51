package bytebpe

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// byRank merges as a vocabulary without a list of merges means it: slowly.
func byRank(ranked map[string]Ranked, text string) []string {
	parts := []string{}
	for _, r := range text {
		parts = append(parts, string(r))
	}
	for {
		at := -1
		var best uint32
		for i := range len(parts) - 1 {
			if t, ok := ranked[parts[i]+parts[i+1]]; ok && (at < 0 || t.Rank < best) {
				at, best = i, t.Rank
			}
		}
		if at < 0 {
			return parts
		}
		parts[at] += parts[at+1]
		parts = append(parts[:at+1], parts[at+2:]...)
	}
}

func TestDerivedMergesEncodeAsTheRanksSay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOfN(rapid.SampledFrom([]rune("abc")), 2, 6, -1)
		tokens := []Ranked{{"a", 0, 0}, {"b", 1, 0}, {"c", 2, 0}}
		ranked := map[string]Ranked{}
		for _, w := range rapid.SliceOfNDistinct(word, 0, 30, rapid.ID).Draw(t, "tokens") {
			// few ranks, so that some are equal
			r := Ranked{w, int32(len(tokens)), uint32(rapid.IntRange(0, 12).Draw(t, "rank"))}
			tokens = append(tokens, r)
			ranked[w] = r
		}
		c := Config{Vocab: map[string]int32{}, Unk: -1}
		for _, r := range tokens {
			c.Tokens = append(c.Tokens, r.Text)
			c.Vocab[r.Text] = r.ID
		}
		c.Merges, c.Ranks = Derive(tokens, func(dst []int32, text string) ([]int32, bool) {
			for _, r := range text {
				dst = append(dst, c.Vocab[string(r)])
			}
			return dst, true
		})
		m := New(c)
		text := rapid.StringOfN(rapid.SampledFrom([]rune("abc")), 0, 200, -1).Draw(t, "text")
		got := []string{}
		for _, id := range m.Append(nil, text, m.Scratch()) {
			got = append(got, c.Tokens[id])
		}
		if diff := cmp.Diff(byRank(ranked, text), got); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", text, diff)
		}
	})
}
