package bytebpe

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Runes that share their first or last bytes, so that tokens end and begin inside them, and of all sizes.
var crowd = []rune("数据敱敲攰啰aa bé騀éĩ😀😁🐀")

// crowded has tokens of any bytes of texts of such runes, in no order of length.
func crowded(t testing.TB, seed uint64, change func(*Config)) *Model {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 2))
	alphabet := NewAlphabet()
	c := Config{Vocab: map[string]int32{}, Bytes: true, Unk: -1}
	var ranked []Ranked
	for len(c.Tokens) < 700 {
		token := string([]byte{byte(len(c.Tokens))})
		if len(c.Tokens) > 255 {
			var runes []rune
			for range 4 {
				runes = append(runes, crowd[rng.IntN(len(crowd))])
			}
			token = string(runes)
			from := rng.IntN(len(token) - 2)
			token = token[from:min(from+2+rng.IntN(5), len(token))]
		}
		written := alphabet.Runes(token)
		if _, twice := c.Vocab[written]; twice {
			continue
		}
		id := int32(len(c.Tokens))
		c.Vocab[written] = id
		c.Tokens = append(c.Tokens, written)
		if id > 255 {
			ranked = append(ranked, Ranked{token, id, uint32(rng.IntN(1000) + 1000*len(token))})
		}
	}
	c.Merges, c.Ranks = Derive(ranked, func(dst []int32, text string) ([]int32, bool) {
		for i := range len(text) {
			dst = append(dst, int32(text[i]))
		}
		return dst, true
	})
	if change != nil {
		change(&c)
	}
	return New(c)
}

func TestCuttingBytesWhereNothingMergesChangesNothing(t *testing.T) {
	t.Parallel()
	ignore := func(c *Config) { c.IgnoreMerges = true }
	ranks := func(c *Config) { // no order at all
		rand.New(rand.NewPCG(3, 4)).Shuffle(len(c.Ranks), func(i, j int) { c.Ranks[i], c.Ranks[j] = c.Ranks[j], c.Ranks[i] })
	}
	for name, change := range map[string]func(*Config){"by length": nil, "shuffled": ranks, "whole words": ignore} {
		cut, whole := crowded(t, 1, change), crowded(t, 1, change)
		whole.joins = nil
		if len(cut.joins.kinds) < 4 {
			t.Fatalf("%s: too few kinds of merges: %v", name, cut.joins.kinds)
		}
		s, s2 := cut.Scratch(), whole.Scratch()
		rapid.Check(t, func(t *rapid.T) {
			text := string(rapid.SliceOfN(rapid.SampledFrom(crowd), 0, 30).Draw(t, "text"))
			if i := rapid.IntRange(0, 3*len(text)).Draw(t, "where"); i < len(text) { // sometimes invalid
				text = text[:i] + "\xe6\x95" + text[i+1:]
			}
			if diff := cmp.Diff(whole.Append([]int32{}, text, s2), cut.Append([]int32{}, text, s)); diff != "" {
				t.Fatalf("%s %q (-whole +cut):\n%s", name, text, diff)
			}
			if diff := cmp.Diff(naive(cut, text), cut.Append([]int32{}, text, s)); !cut.c.IgnoreMerges && diff != "" {
				t.Fatalf("%s %q (-definition +cut):\n%s", name, text, diff)
			}
		})
	}
}
