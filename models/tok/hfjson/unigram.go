package hfjson

import (
	"fmt"
	"math"
	"strconv"

	"github.com/belay-ml/belay/models/tok/internal/idle"
	"github.com/belay-ml/belay/models/tok/internal/viterbi"
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

// unigram cuts a piece in the best way by the sum of scores, in double precision.
type unigram struct {
	v        *vocabulary
	best     viterbi.Model[float64]
	hex      [256]int32 // ids of the byte tokens when all are there and wanted
	fallback bool
	idle     idle.List[viterbi.Work[float64]]
}

func newUnigram(v *vocabulary) (*unigram, error) {
	const penalty = 10
	u := &unigram{v: v, best: viterbi.Model[float64]{Scores: v.scores, Unk: -1}}
	if v.gram.UnkID != nil {
		if u.best.Unk = *v.gram.UnkID; u.best.Unk < 0 || int(u.best.Unk) >= len(v.tokens) {
			return nil, fmt.Errorf("model option unk_id %d is no token", u.best.Unk)
		}
	}
	least := math.Inf(1)
	for _, s := range v.scores {
		least = min(least, s)
	}
	u.best.UnkScore = least - penalty
	texts, ids := make([]string, 0, len(v.ids)), make([]int32, 0, len(v.ids))
	for i, token := range v.tokens {
		if v.ids[token] == int32(i) {
			texts, ids = append(texts, token), append(ids, int32(i))
		}
	}
	u.best.Trie = trie.New(texts, ids)
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
	w := u.idle.Take()
	steps := u.best.Best(piece, w)
	for i := 0; i < len(steps); i++ {
		s := steps[i]
		if s.ID != u.best.Unk {
			dst = append(dst, s.ID)
			continue
		}
		for i+1 < len(steps) && steps[i+1].ID == u.best.Unk { // neighbours that are unknown are one
			i++
		}
		dst = u.unknown(dst, piece[s.Start:steps[i].End])
	}
	u.idle.Put(w)
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
	if u.best.Unk < 0 {
		return dst
	}
	return append(dst, u.best.Unk)
}
