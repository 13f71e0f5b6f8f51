package bytebpe

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// trained is a model over the letters a to d, and its configuration.
func trained(t testing.TB, size int, change func(*Config)) *Model {
	t.Helper()
	words := map[string]int{}
	for i := range 4000 {
		n := i*7919 + i/3
		words[strings.Repeat(string(rune('a'+n%4)), 1+n%3)+string(rune('a'+n/4%4))+string(rune('a'+n/16%3))] += 1 + n%5
	}
	vocab, merges := Train(words, size)
	c := Config{Vocab: map[string]int32{}, Tokens: vocab, Bytes: true, Unk: -1}
	for i, v := range vocab {
		c.Vocab[v] = int32(i)
	}
	for _, m := range merges {
		c.Merges = append(c.Merges, Merge{c.Vocab[m[0]], c.Vocab[m[1]], c.Vocab[m[0]+m[1]]})
	}
	if change != nil {
		change(&c)
	}
	return New(c)
}

// naive merges by the definition: the lowest rank anywhere, the leftmost of equals.
func naive(m *Model, text string) []int32 {
	ids := []int32{}
	for i := range len(text) {
		ids = append(ids, m.byteID[text[i]])
	}
	for {
		best, at := none, -1
		for i := 1; i < len(ids); i++ {
			if v := m.merges.get(ids[i-1], ids[i]); v < best {
				best, at = v, i-1
			}
		}
		if at < 0 {
			return ids
		}
		ids[at] = int32(uint32(best))
		ids = append(ids[:at+1], ids[at+2:]...)
	}
}

// shuffled gives the merges ranks in an order that no training would, so that a merge is often overtaken
// by one of its neighbours.
func shuffled(c *Config) {
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(c.Merges), func(i, j int) { c.Merges[i], c.Merges[j] = c.Merges[j], c.Merges[i] })
}

func TestAppendMergesAsTheDefinitionSays(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){"trained": nil, "shuffled": shuffled} {
		m := trained(t, 400, change)
		s := m.Scratch()
		rapid.Check(t, func(t *rapid.T) {
			n := rapid.SampledFrom([]int{3, 20, 90, short, short + 1, 400}).Draw(t, "size")
			text := string(rapid.SliceOfN(rapid.ByteRange('a', 'd'), n/2, n).Draw(t, "text"))
			for range 2 { // the second time from the cache
				if diff := cmp.Diff(naive(m, text), m.Append([]int32{}, text, s)); diff != "" {
					t.Fatalf("%s %q (-want +got):\n%s", name, text, diff)
				}
			}
		})
	}
}

func TestLongAndShortPiecesMergeAlike(t *testing.T) {
	t.Parallel()
	m := trained(t, 400, nil)
	s := m.Scratch()
	text := strings.Repeat("abacabadcba", 300)
	if diff := cmp.Diff(naive(m, text), m.Append([]int32{}, text, s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestIgnoreMergesTakesAWholePiece(t *testing.T) {
	t.Parallel()
	add := func(c *Config) {
		c.Tokens = append(c.Tokens, "Ġdcba")
		c.Vocab["Ġdcba"] = int32(len(c.Tokens) - 1)
	}
	with := trained(t, 300, func(c *Config) { add(c); c.IgnoreMerges = true })
	without := trained(t, 300, add)
	if got := with.Append(nil, " dcba", with.Scratch()); len(got) != 1 || got[0] != 300 {
		t.Errorf("with ignore_merges: %v", got)
	}
	if got := without.Append(nil, " dcba", without.Scratch()); len(got) == 1 {
		t.Errorf("without: %v", got)
	}
}

// runeModel has ▁, a, b, ▁a, ab, <unk> and, when asked for, the bytes of é.
func runeModel(change func(*Config), more ...string) *Model {
	c := Config{Tokens: append([]string{"<unk>", "▁", "a", "b", "▁a", "ab", "▁▁"}, more...), Vocab: map[string]int32{}, Unk: 0}
	for i, v := range c.Tokens {
		c.Vocab[v] = int32(i)
	}
	c.Merges = []Merge{{1, 2, 4}, {2, 3, 5}, {1, 1, 6}}
	if change != nil {
		change(&c)
	}
	return New(c)
}

func TestRunesOutsideTheVocabulary(t *testing.T) {
	t.Parallel()
	bytes := []string{"<0xC3>", "<0xA9>"} // 7 and 8
	for _, c := range []struct {
		what, text string
		change     func(*Config)
		more       []string
		want       []int32
	}{
		{"each is the unknown token", "axyb", nil, nil, []int32{2, 0, 0, 3}},
		{"neighbours fuse when asked to", "axyb", func(c *Config) { c.FuseUnk = true }, nil, []int32{2, 0, 3}},
		{"they vanish without an unknown token", "axb", func(c *Config) { c.Unk = -1 }, nil, []int32{5}},
		{"bytes stand in", "aéb", func(c *Config) { c.ByteFallback = true }, bytes, []int32{2, 7, 8, 3}},
		{"but only where all of them are there", "aêb", func(c *Config) { c.ByteFallback = true }, bytes, []int32{2, 0, 3}},
		{"a pending unknown comes behind the bytes", "xéb", func(c *Config) { c.ByteFallback = true }, bytes, []int32{7, 8, 0, 3}},
		{"words part at the mark", "▁ab▁▁a▁", nil, nil, []int32{4, 3, 1, 4, 1}},
		{"an invalid byte is unknown", "a\xffb", nil, nil, []int32{2, 0, 3}},
	} {
		m := runeModel(c.change, c.more...)
		for range 2 {
			if diff := cmp.Diff(c.want, m.Append([]int32{}, c.text, m.Scratch())); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.what, diff)
			}
		}
	}
}

func TestCuttingWhereNothingMergesChangesNothing(t *testing.T) {
	t.Parallel()
	glue := func(c *Config) { // b▁ and 数a join, so a cut between them would be wrong
		c.Tokens = append(c.Tokens, "b▁", "数", "数a", "学")
		for i, token := range c.Tokens[7:] {
			c.Vocab[token] = int32(i + 7)
		}
		c.Merges = append([]Merge{{3, 1, 7}, {8, 2, 9}}, c.Merges...)
	}
	vanish := func(c *Config) { glue(c); c.Unk = -1 }
	fuse := func(c *Config) { glue(c); c.FuseUnk = true }
	for name, change := range map[string]func(*Config){"plain": nil, "glued": glue, "vanishing": vanish, "fused": fuse} {
		cut, whole := runeModel(change), runeModel(change)
		whole.joins = nil
		s, s2 := cut.Scratch(), whole.Scratch()
		rapid.Check(t, func(t *rapid.T) {
			text := string(rapid.SliceOfN(rapid.SampledFrom([]rune("▁▁abxab数学é😀")), 0, 90).Draw(t, "text"))
			if diff := cmp.Diff(whole.Append([]int32{}, text, s2), cut.Append([]int32{}, text, s)); diff != "" {
				t.Fatalf("%s %q (-whole +cut):\n%s", name, text, diff)
			}
		})
	}
}

func TestPrefixAndSuffixMarkPlacesInAWord(t *testing.T) {
	t.Parallel()
	c := Config{Tokens: []string{"a", "@@b", "@@b</w>", "a</w>", "a@@?", "ab</w>"}, Vocab: map[string]int32{}, Unk: -1, Prefix: "@@", Suffix: "</w>"}
	for i, v := range c.Tokens {
		c.Vocab[v] = int32(i)
	}
	c.Merges = []Merge{{0, 2, 5}}
	m := New(c)
	s := m.Scratch()
	for text, want := range map[string][]int32{"a": {3}, "ab": {5}, "abb": {0, 1, 2}} {
		if diff := cmp.Diff(want, m.Append([]int32{}, text, s)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestOneModelServesManyGoroutines(t *testing.T) {
	t.Parallel()
	m := trained(t, 400, nil)
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			for i := range 200 {
				text := fmt.Sprint("abcd"[g%4:], i, "dcba")
				s := m.Scratch()
				if got := m.Append([]int32{}, text, s); !cmp.Equal(got, naive(m, text)) {
					t.Errorf("%q: %v", text, got)
				}
				m.Release(s)
			}
		})
	}
	wait.Wait()
}

func TestAppendAllocatesNothingOnceWarm(t *testing.T) {
	m := trained(t, 400, nil)
	s := m.Scratch()
	text := strings.Repeat("abacabad", 100)
	ids := m.Append(make([]int32, 0, len(text)), text, s)
	if n := testing.AllocsPerRun(20, func() { ids = m.Append(ids[:0], text, s) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAlphabetIsOneToOne(t *testing.T) {
	t.Parallel()
	a := NewAlphabet()
	for b := range 256 {
		if got, ok := a.Byte(a.Rune(byte(b))); !ok || got != byte(b) {
			t.Errorf("byte %d: rune %q, back %d", b, a.Rune(byte(b)), got)
		}
	}
	if a.Rune(' ') != 'Ġ' || a.Rune('\n') != 'Ċ' || a.Rune('a') != 'a' || a.Rune(0xad) != 'Ń' {
		t.Error("the map is not GPT-2's")
	}
	if _, ok := a.AppendBytes(nil, "a字"); ok {
		t.Error("a rune outside the alphabet is taken")
	}
}
