package viterbi

import (
	"slices"

	"github.com/belay-ml/belay/models/tok/trie"
)

// Model is tokens with scores.
type Model[F float32 | float64] struct {
	Trie   *trie.Trie // values are ids
	Scores []float64  // by id; not a number: Odd tells
	// Odd is the score of a token by its size in bytes; false: the token is not used.
	Odd func(id int32, size int) (float64, bool)
	// A character that is no token by itself may be the unknown one.
	Unk      int32
	UnkScore F
}

// Step is one token of the way.
type Step struct{ Start, End, ID int32 }

// Work is the memory of one search.
type Work[F float32 | float64] struct {
	nodes []node[F]
	steps []Step
}

// node is the best way up to one byte of the text.
type node[F float32 | float64] struct {
	score F
	start int32 // of the last token, -1: no way comes here
	id    int32
}

// Best is the best way through text, valid until the next call with the same memory.
func (m *Model[F]) Best(text string, w *Work[F]) []Step {
	if cap(w.nodes) <= len(text) {
		w.nodes = make([]node[F], len(text)+1, 2*len(text)+64)
	}
	nodes := w.nodes[:len(text)+1]
	for i := range nodes {
		nodes[i] = node[F]{start: -1}
	}
	for start := 0; start < len(text); {
		before := nodes[start].score
		size := CharLen(text[start:])
		single := false
		at := int32(0)
		for end := start; end < len(text); {
			next, id, ok := m.Trie.Step(at, text[end])
			if !ok {
				break
			}
			at = next
			end++
			if id < 0 {
				continue
			}
			score := m.Scores[id]
			if score != score {
				if score, ok = m.Odd(id, end-start); !ok {
					continue
				}
			}
			sum := score + float64(before)
			if n := &nodes[end]; n.start < 0 || sum > float64(n.score) {
				*n = node[F]{F(sum), int32(start), id}
			}
			single = single || end-start == size
		}
		if !single {
			sum := m.UnkScore + before
			if n := &nodes[start+size]; n.start < 0 || sum > n.score {
				*n = node[F]{sum, int32(start), m.Unk}
			}
		}
		start += size
	}
	w.steps = w.steps[:0]
	for end := int32(len(text)); end > 0; end = nodes[end].start {
		w.steps = append(w.steps, Step{nodes[end].start, end, nodes[end].id})
	}
	slices.Reverse(w.steps)
	return w.steps
}

// CharLen is the size of the character at the start of text by its first byte alone, as the C++ library has it.
func CharLen(text string) int {
	const sizes = "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x02\x02\x03\x04"
	return min(int(sizes[text[0]>>4]), len(text))
}
