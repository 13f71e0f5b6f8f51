package spm

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"github.com/belay-ml/belay/models/tok/bytebpe"
)

// buildBPE turns scores into merges. Where a text could become symbols that are no pieces, or pieces that are taken
// apart again, the definition itself is followed.
func (m *Model) buildBPE() {
	for _, p := range m.pieces {
		many := utf8.RuneCountInString(p.text) > 1
		if p.kind == Unused || p.kind == Normal && (!utf8.ValidString(p.text) || many && !m.allKnown(p.text)) {
			m.exact = true
			return
		}
	}
	var scores []float32
	for _, p := range m.pieces {
		if p.kind == Normal {
			scores = append(scores, p.score)
		}
	}
	slices.SortFunc(scores, func(a, b float32) int { return cmp.Compare(b, a) })
	scores = slices.Compact(scores)
	var ranked []bytebpe.Ranked
	tokens := make([]string, len(m.pieces))
	for i, p := range m.pieces {
		tokens[i] = p.text
		if p.kind == Normal {
			rank, _ := slices.BinarySearchFunc(scores, p.score, func(a, b float32) int { return cmp.Compare(b, a) })
			ranked = append(ranked, bytebpe.Ranked{Text: p.text, ID: int32(i), Rank: uint32(rank)})
		}
	}
	merges, ranks := bytebpe.Derive(ranked, func(dst []int32, text string) ([]int32, bool) {
		for i, n := 0, 0; i < len(text); i += n {
			_, n = utf8.DecodeRuneInString(text[i:])
			id, ok := m.ids[text[i:i+n]]
			if !ok {
				return dst, false
			}
			dst = append(dst, id)
		}
		return dst, true
	})
	m.fast = bytebpe.New(bytebpe.Config{
		Vocab: m.ids, Tokens: tokens, Merges: merges, Ranks: ranks,
		ByteFallback: m.fallback, FuseUnk: true, Unk: m.unk,
	})
}

// bpe encodes what lies between user-defined pieces.
func (m *Model) bpe(dst []int32, text string) []int32 {
	s := m.fast.Scratch()
	from := 0
	if m.user != nil {
		for i := 0; i < len(text); {
			if !m.userFirst[text[i]] {
				i++
				continue
			}
			id, n := m.user.Longest(text[i:])
			if n == 0 {
				i++
				continue
			}
			dst = append(m.fast.Append(dst, text[from:i], s), id)
			i += n
			from = i
		}
	}
	dst = m.fast.Append(dst, text[from:], s)
	m.fast.Release(s)
	return dst
}
