package bytebpe

import (
	"container/heap"
	"maps"
	"slices"
)

// Train learns a byte-level vocabulary from words and how often each was seen. The vocabulary begins
// with the 256 bytes in the order of Alphabet.Order, followed by one token a merge, up to size tokens
// or until no two symbols stand side by side any more. Tokens and merges are written in the alphabet.
//
// The result depends on the counts alone: the most frequent pair is merged first and, among equals, the
// pair with the lower left id, then the lower right id.
func Train(words map[string]int, size int) (vocab []string, merges [][2]string) {
	a := NewAlphabet()
	t := &trainer{ids: map[string]int32{}, counts: map[[2]int32]int{}, where: map[[2]int32]map[int32]struct{}{}}
	var byteID [256]int32
	for i, b := range a.Order() {
		byteID[b] = int32(i)
		t.token(string(a.Rune(b)))
	}
	for _, w := range slices.Sorted(maps.Keys(words)) {
		if words[w] <= 0 {
			continue
		}
		symbols := make([]int32, len(w))
		for i := range len(w) {
			symbols[i] = byteID[w[i]]
		}
		t.words = append(t.words, word{symbols, words[w]})
	}
	t.count()
	done := map[[2]int32]bool{}
	for len(t.vocab) < size && t.queue.Len() > 0 {
		top := heap.Pop(&t.queue).(candidate)
		now := t.counts[top.pair]
		if now <= 0 {
			continue
		}
		if now != top.count { // the queue entry is stale: put the true count back
			heap.Push(&t.queue, candidate{top.pair, now})
			continue
		}
		left, right := t.vocab[top.pair[0]], t.vocab[top.pair[1]]
		if !done[top.pair] { // it comes back when a later merge builds one of its sides in another way
			done[top.pair] = true
			merges = append(merges, [2]string{left, right})
		}
		t.merge(top.pair, t.token(left+right))
	}
	return t.vocab, merges
}

type word struct {
	symbols []int32
	count   int
}

type trainer struct {
	vocab  []string
	ids    map[string]int32
	words  []word
	counts map[[2]int32]int
	where  map[[2]int32]map[int32]struct{} // words that hold, or once held, a pair
	queue  queue
}

// token is the id of text, new when it is not there yet: two ways to build one string share an id.
func (t *trainer) token(text string) int32 {
	id, ok := t.ids[text]
	if !ok {
		id = int32(len(t.vocab))
		t.ids[text] = id
		t.vocab = append(t.vocab, text)
	}
	return id
}

// count fills counts, where and queue from the words.
func (t *trainer) count() {
	for i, w := range t.words {
		for j := 1; j < len(w.symbols); j++ {
			t.add([2]int32{w.symbols[j-1], w.symbols[j]}, int32(i), w.count)
		}
	}
	for pair, n := range t.counts {
		t.queue = append(t.queue, candidate{pair, n})
	}
	heap.Init(&t.queue)
}

func (t *trainer) add(pair [2]int32, at int32, n int) {
	t.counts[pair] += n
	set := t.where[pair]
	if set == nil {
		set = map[int32]struct{}{}
		t.where[pair] = set
	}
	set[at] = struct{}{}
}

// merge replaces pair by id in every word that holds it and keeps the counts of its neighbours right.
func (t *trainer) merge(pair [2]int32, id int32) {
	grown := map[[2]int32]struct{}{}
	for at := range t.where[pair] {
		w := &t.words[at]
		for j := 1; j < len(w.symbols); j++ {
			t.counts[[2]int32{w.symbols[j-1], w.symbols[j]}] -= w.count
		}
		out := w.symbols[:0]
		for j := 0; j < len(w.symbols); j++ {
			if j+1 < len(w.symbols) && w.symbols[j] == pair[0] && w.symbols[j+1] == pair[1] {
				out = append(out, id)
				j++
				continue
			}
			out = append(out, w.symbols[j])
		}
		w.symbols = out
		for j := 1; j < len(out); j++ {
			p := [2]int32{out[j-1], out[j]}
			t.add(p, at, w.count)
			if p[0] == id || p[1] == id {
				grown[p] = struct{}{}
			}
		}
	}
	delete(t.counts, pair)
	delete(t.where, pair)
	for p := range grown {
		heap.Push(&t.queue, candidate{p, t.counts[p]})
	}
}

type candidate struct {
	pair  [2]int32
	count int
}

type queue []candidate

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if q[i].count != q[j].count {
		return q[i].count > q[j].count
	}
	if q[i].pair[0] != q[j].pair[0] {
		return q[i].pair[0] < q[j].pair[0]
	}
	return q[i].pair[1] < q[j].pair[1]
}

func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

func (q *queue) Push(x any) { *q = append(*q, x.(candidate)) }

func (q *queue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}
