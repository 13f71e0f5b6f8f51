package hfjson

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/belay-ml/belay/models/tok/internal/idle"
	"github.com/belay-ml/belay/models/tok/trie"
)

// unigramOptions are the members of a Unigram model beside vocab.
type unigramOptions struct {
	Type         string `json:"type"`
	UnkID        *int32 `json:"unk_id"`
	ByteFallback bool   `json:"byte_fallback"`
}

// readPieces reads [["token", score], ...]. Of two equal tokens the last counts.
func (v *vocabulary) readPieces(s *scanner) error {
	v.ids = map[string]int32{}
	v.scores = []float64{}
	var text []byte
	return s.array(func(i int) error {
		n := 0
		err := s.array(func(k int) error {
			var err error
			switch n = k + 1; k {
			case 0:
				text, err = s.text(text[:0])
			case 1:
				var raw []byte
				if raw, err = s.value(); err != nil {
					return err
				}
				score, bad := strconv.ParseFloat(string(raw), 64)
				if bad != nil || math.IsNaN(score) || math.IsInf(score, 0) {
					return s.errorf("the score %.40q of token %d is not a number", raw, i)
				}
				v.scores = append(v.scores, score)
			}
			return err
		})
		if err != nil {
			return err
		}
		if n != 2 {
			return s.errorf("token %d has %d members, not a text and a score", i, n)
		}
		if len(text) > maxWord {
			return s.errorf("token %d has %d bytes, more than %d", i, len(text), maxWord)
		}
		token := string(text)
		v.tokens = append(v.tokens, token)
		v.ids[token] = int32(i)
		return nil
	})
}

// maxWord is how many bytes a token of a model that is looked up in a trie may have.
const maxWord = 1 << 14

// unigram finds the best path by the sum of scores, in double precision; of equal sums the path found first wins.
type unigram struct {
	v        *vocabulary
	trie     *trie.Trie
	unk      int32
	unkScore float64
	hex      [256]int32 // ids of the byte tokens when all are there and wanted
	fallback bool
	idle     idle.List[lattice]
}

// lattice is the memory of one piece.
type lattice struct {
	nodes []node
	path  []int32
}

// node is the best path up to one byte of the piece.
type node struct {
	score float64
	start int32 // of the last token, -1: no path comes here
	id    int32
}

func newUnigram(v *vocabulary) (*unigram, error) {
	const penalty = 10
	u := &unigram{v: v, unk: -1}
	if v.gram.UnkID != nil {
		if u.unk = *v.gram.UnkID; u.unk < 0 || int(u.unk) >= len(v.tokens) {
			return nil, fmt.Errorf("model option unk_id %d is no token", u.unk)
		}
	}
	least := math.Inf(1)
	for _, s := range v.scores {
		least = min(least, s)
	}
	u.unkScore = least - penalty
	texts, ids := make([]string, 0, len(v.ids)), make([]int32, 0, len(v.ids))
	for i, token := range v.tokens {
		if v.ids[token] == int32(i) {
			texts, ids = append(texts, token), append(ids, int32(i))
		}
	}
	u.trie = trie.New(texts, ids)
	if u.fallback = v.gram.ByteFallback; u.fallback {
		for b := range u.hex {
			id, ok := v.ids[fmt.Sprintf("<0x%02X>", b)]
			if u.hex[b] = id; !ok {
				u.hex[b] = -1
			}
		}
	}
	return u, nil
}

func (u *unigram) append(dst []int32, piece string) []int32 {
	l := u.idle.Take()
	if cap(l.nodes) <= len(piece) {
		l.nodes = make([]node, len(piece)+1, 2*len(piece)+64)
	}
	nodes := l.nodes[:len(piece)+1]
	for i := range nodes {
		nodes[i] = node{start: -1}
	}
	for start := 0; start < len(piece); {
		before := nodes[start].score
		_, size := utf8.DecodeRuneInString(piece[start:])
		single := false
		at := int32(0)
		for end := start; end < len(piece); {
			next, id, ok := u.trie.Step(at, piece[end])
			if !ok {
				break
			}
			at = next
			end++
			if id < 0 {
				continue
			}
			sum := u.v.scores[id] + before
			if n := &nodes[end]; n.start < 0 || sum > n.score {
				*n = node{sum, int32(start), id}
			}
			single = single || end-start == size
		}
		if !single {
			sum := u.unkScore + before
			if n := &nodes[start+size]; n.start < 0 || sum > n.score {
				*n = node{sum, int32(start), u.unk}
			}
		}
		start += size
	}
	l.path = l.path[:0]
	for end := int32(len(piece)); end > 0; end = nodes[end].start {
		l.path = append(l.path, end)
	}
	for i := len(l.path) - 1; i >= 0; i-- {
		n := nodes[l.path[i]]
		end := l.path[i]
		if n.id != u.unk {
			dst = append(dst, n.id)
			continue
		}
		for i > 0 && nodes[l.path[i-1]].id == u.unk { // neighbours that are unknown are one
			i--
			end = l.path[i]
		}
		dst = u.unknown(dst, piece[n.start:end])
	}
	u.idle.Put(l)
	return dst
}

// unknown appends the tokens of a stretch that the best path leaves unknown.
func (u *unigram) unknown(dst []int32, text string) []int32 {
	if id, ok := u.v.ids[text]; ok {
		return append(dst, id)
	}
	if u.fallback {
		start := len(dst)
		for i := range len(text) {
			if id := u.hex[text[i]]; id >= 0 {
				dst = append(dst, id)
			}
		}
		if len(dst)-start == len(text) {
			return dst
		}
		dst = dst[:start]
	}
	if u.unk < 0 {
		return dst
	}
	return append(dst, u.unk)
}
