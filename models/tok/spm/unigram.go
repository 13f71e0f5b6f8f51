package spm

import (
	"math"

	"github.com/belay-ml/belay/models/tok/trie"
)

// lattice is what the best path is searched in.
type lattice struct {
	trie     *trie.Trie
	unkScore float32
	max      float32 // the best score of a normal piece, as the library begins to count it: above 0
}

// node is the best path up to one byte of the text.
type node struct {
	score float32
	start int32 // of the last piece, -1: no path comes here
	id    int32
}

func newLattice(m *Model) *lattice {
	const penalty = 10
	l := &lattice{max: 0x1p-126} // FLT_MIN
	least := float32(math.MaxFloat32)
	texts := make([]string, 0, len(m.pieces))
	ids := make([]int32, 0, len(m.pieces))
	for i, p := range m.pieces {
		switch p.kind {
		case Normal:
			least, l.max = min(least, p.score), max(l.max, p.score)
			fallthrough
		case UserDefined, Unused:
			texts, ids = append(texts, p.text), append(ids, int32(i))
		}
	}
	l.unkScore = least - penalty
	l.trie = trie.New(texts, ids)
	return l
}

// unigram appends the ids of the best path. Sums are kept in single precision and compared in double, which decides
// between paths that are nearly equal.
func (m *Model) unigram(dst []int32, text string, w *work) []int32 {
	l := m.lattice
	if cap(w.nodes) <= len(text) {
		w.nodes = make([]node, len(text)+1, 2*len(text)+64)
	}
	nodes := w.nodes[:len(text)+1]
	for i := range nodes {
		nodes[i] = node{start: -1}
	}
	for start := 0; start < len(text); {
		before := nodes[start].score
		size := charLen(text[start:])
		single := false
		at := int32(0)
		for end := start; end < len(text); {
			next, id, ok := l.trie.Step(at, text[end])
			if !ok {
				break
			}
			at = next
			end++
			if id < 0 {
				continue
			}
			p := &m.pieces[id]
			score := float64(p.score)
			switch p.kind {
			case Unused:
				continue
			case UserDefined:
				score = float64(float32(end-start)*l.max) - 0.1
			}
			sum := score + float64(before)
			if n := &nodes[end]; n.start < 0 || sum > float64(n.score) {
				*n = node{float32(sum), int32(start), id}
			}
			single = single || end-start == size
		}
		if !single {
			sum := l.unkScore + before
			if n := &nodes[start+size]; n.start < 0 || sum > n.score {
				*n = node{sum, int32(start), m.unk}
			}
		}
		start += size
	}
	w.path = w.path[:0]
	for end := int32(len(text)); end > 0; end = nodes[end].start {
		w.path = append(w.path, end)
	}
	wasUnk := false
	for i := len(w.path) - 1; i >= 0; i-- {
		end := w.path[i]
		n := nodes[end]
		dst = m.emit(dst, text[n.start:end], n.id, wasUnk)
		wasUnk = n.id == m.unk
	}
	return dst
}
