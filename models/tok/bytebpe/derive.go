package bytebpe

import (
	"cmp"
	"slices"
)

// Ranked is a token of a vocabulary that has no list of merges: any two neighbours that make a token merge, those
// whose token has the lowest rank first, and of equal ranks the leftmost.
type Ranked struct {
	Text string
	ID   int32
	Rank uint32 // below 1<<31
}

// Derive finds the merges of such a vocabulary, and their ranks, for Config. symbols appends the ids of the symbols
// that a token begins as; it is false for a token that no merge makes.
//
// One pair a token is enough: as long as nothing merges across its ends, the bytes of a token merge in a text as
// they do alone, so they are always the same two parts when they become one. What a token ends as when it is
// merged by all shorter ones tells these two.
func Derive(tokens []Ranked, symbols func(dst []int32, text string) ([]int32, bool)) ([]Merge, []uint32) {
	order := make([]int32, len(tokens))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(len(tokens[a].Text), len(tokens[b].Text)) })
	table := newPairs(len(tokens))
	merges := make([]Merge, 0, len(tokens))
	ranks := make([]uint32, 0, len(tokens))
	s := &Scratch{}
	var out []int32
	for _, i := range order {
		t := tokens[i]
		var ok bool
		if s.ids, ok = symbols(s.ids[:0], t.Text); !ok || len(s.ids) < 2 {
			continue
		}
		s.values = s.values[:0]
		for k := 1; k < len(s.ids); k++ {
			s.values = append(s.values, table.get(s.ids[k-1], s.ids[k]))
		}
		s.values = append(s.values, none)
		out = s.merge(out[:0], &table)
		if len(out) != 2 || table.get(out[0], out[1]) != none {
			continue // other tokens stand in the way, so this one never comes about
		}
		table.put(out[0], out[1], value(int(t.Rank), t.ID))
		merges = append(merges, Merge{out[0], out[1], t.ID})
		ranks = append(ranks, t.Rank)
	}
	return merges, ranks
}
