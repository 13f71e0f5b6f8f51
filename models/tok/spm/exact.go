package spm

import (
	"container/heap"

	"github.com/belay-ml/belay/models/tok/internal/viterbi"
)

// exactWork is the memory of one encoding by the plain definition.
type exactWork struct {
	symbols []symbol
	agenda  agenda
	parts   map[string][2]string // what an unused piece was made of
}

// symbol is a stretch of the text in a list.
type symbol struct {
	start, end int // equal: it was merged into the one before
	prev, next int
	frozen     bool // user-defined
}

// candidate is a pair of neighbours whose text is a piece.
type candidate struct {
	left, right, size int
	score             float32
}

type agenda []candidate

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].score > a[j].score || a[i].score == a[j].score && a[i].left < a[j].left
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(candidate)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// exactBPE follows the library step by step: an agenda of candidates, then unused pieces taken apart.
func (m *Model) exactBPE(dst []int32, text string, w *exactWork) []int32 {
	w.symbols, w.agenda, w.parts = w.symbols[:0], w.agenda[:0], map[string][2]string{}
	for i := 0; i < len(text); {
		n, frozen := 0, false
		if m.user != nil {
			_, n = m.user.Longest(text[i:])
			frozen = n > 0
		}
		if n == 0 {
			n = viterbi.CharLen(text[i:])
		}
		k := len(w.symbols)
		w.symbols = append(w.symbols, symbol{i, i + n, k - 1, k + 1, frozen})
		i += n
	}
	w.symbols[len(w.symbols)-1].next = -1
	for i := 1; i < len(w.symbols); i++ {
		m.propose(text, w, i-1, i)
	}
	for len(w.agenda) > 0 {
		top := heap.Pop(&w.agenda).(candidate)
		left, right := &w.symbols[top.left], &w.symbols[top.right]
		if left.start == left.end || right.start == right.end || left.end-left.start+right.end-right.start != top.size {
			continue
		}
		left.end = right.end
		left.next = right.next
		if right.next >= 0 {
			w.symbols[right.next].prev = top.left
		}
		right.end = right.start
		m.propose(text, w, left.prev, top.left)
		m.propose(text, w, top.left, left.next)
	}
	wasUnk := false
	for i := 0; i >= 0; i = w.symbols[i].next {
		dst, wasUnk = m.settle(dst, text[w.symbols[i].start:w.symbols[i].end], w, wasUnk)
	}
	return dst
}

// propose puts two neighbours on the agenda when their text is a piece.
func (m *Model) propose(text string, w *exactWork, left, right int) {
	if left < 0 || right < 0 || w.symbols[left].frozen || w.symbols[right].frozen {
		return
	}
	l, r := w.symbols[left], w.symbols[right]
	id, ok := m.texts[text[l.start:r.end]]
	if !ok {
		return
	}
	heap.Push(&w.agenda, candidate{left, right, r.end - l.start, m.pieces[id].score})
	if m.pieces[id].kind == Unused {
		w.parts[text[l.start:r.end]] = [2]string{text[l.start:l.end], text[r.start:r.end]}
	}
}

// settle appends the id of a symbol, or those of its parts when it is unused.
func (m *Model) settle(dst []int32, text string, w *exactWork, wasUnk bool) ([]int32, bool) {
	id, ok := m.ids[text]
	if !ok {
		id = m.unk
	}
	if m.pieces[id].kind == Unused {
		if parts, ok := w.parts[text]; ok {
			dst, wasUnk = m.settle(dst, parts[0], w, wasUnk)
			return m.settle(dst, parts[1], w, wasUnk)
		}
	}
	return m.emit(dst, text, id, wasUnk), id == m.unk
}
