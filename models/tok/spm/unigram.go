package spm

import (
	"math"

	"github.com/belay-ml/belay/models/tok/internal/viterbi"
	"github.com/belay-ml/belay/models/tok/trie"
)

// newLattice prepares the search for the best path, in single precision.
func newLattice(m *Model) *viterbi.Model[float32] {
	const penalty = 10
	best := float32(0x1p-126) // of the normal pieces, as the library begins to count: FLT_MIN
	least := float32(math.MaxFloat32)
	scores := make([]float64, len(m.pieces))
	texts := make([]string, 0, len(m.pieces))
	ids := make([]int32, 0, len(m.pieces))
	for i, p := range m.pieces {
		switch p.kind {
		case Normal:
			least, best = min(least, p.score), max(best, p.score)
			scores[i] = float64(p.score)
		case UserDefined, Unused:
			scores[i] = math.NaN()
		default:
			continue
		}
		texts, ids = append(texts, p.text), append(ids, int32(i))
	}
	return &viterbi.Model[float32]{
		Trie: trie.New(texts, ids), Scores: scores, Unk: m.unk, UnkScore: least - penalty,
		// a user-defined piece is to win over any others for its text
		Odd: func(id int32, size int) (float64, bool) {
			return float64(float32(size)*best) - 0.1, m.pieces[id].kind == UserDefined
		},
	}
}

// unigram appends the ids of the best path.
func (m *Model) unigram(dst []int32, text string, w *work) []int32 {
	wasUnk := false
	for _, s := range m.lattice.Best(text, &w.lattice) {
		dst = m.emit(dst, text[s.Start:s.End], s.ID, wasUnk)
		wasUnk = s.ID == m.unk
	}
	return dst
}
