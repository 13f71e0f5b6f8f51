package sample

import (
	"math"
	"slices"
)

// none is the score of a token that cannot come.
var none = float32(math.Inf(-1))

// Penalise applies to scores, in place, what depends on the tokens so far: history is prompt and
// output, of which the last made tokens are output.
func (s *Sampler) Penalise(scores []float32, history []int32, made int) {
	p := &s.p
	if p.RepetitionPenalty != 1 {
		s.repetition(scores, history)
	}
	if p.NoRepeatNGram > 0 {
		noRepeat(scores, history, p.NoRepeatNGram)
	}
	if made < p.MinNewTokens {
		ban(scores, p.EOS)
	}
	ban(scores, p.Suppress)
}

func ban(scores []float32, ids []int32) {
	for _, id := range ids {
		if id >= 0 && int(id) < len(scores) {
			scores[id] = none
		}
	}
}

// repetition makes every token of history less likely, once (Keskar et al. 2019).
func (s *Sampler) repetition(scores []float32, history []int32) {
	penalty := float32(s.p.RepetitionPenalty)
	s.seen = append(s.seen[:0], history...)
	slices.Sort(s.seen)
	for _, id := range slices.Compact(s.seen) {
		if id < 0 || int(id) >= len(scores) {
			continue
		}
		if scores[id] < 0 {
			scores[id] *= penalty
		} else {
			scores[id] /= penalty
		}
	}
}

// noRepeat bans tokens that would complete an n-gram of history a second time.
func noRepeat(scores []float32, history []int32, n int) {
	if len(history)+1 < n {
		return
	}
	prefix := history[len(history)-n+1:]
	for i := 0; i+n <= len(history); i++ {
		if slices.Equal(history[i:i+n-1], prefix) {
			ban(scores, history[i+n-1:i+n])
		}
	}
}
