package sample

import (
	"errors"
	"fmt"
	"math"

	"github.com/belay-ml/belay/models/decoder/philox"
)

// Sampler picks tokens. It keeps scratch memory and serves one caller at a time.
type Sampler struct {
	p      Params
	scores []float32
	seen   []int32
	heap   []float32
	ids    []int32
	prob   []float32
	shift  []float32
	order  []int
}

// New checks the parameters.
func New(p Params) (*Sampler, error) {
	if err := p.Check(); err != nil {
		return nil, fmt.Errorf("make sampler: %w", err)
	}
	return &Sampler{p: p}, nil
}

// ErrNoToken says that no token can come: every score is -Inf or NaN.
var ErrNoToken = errors.New("no token has a finite score")

// Next picks the token after history, whose last made tokens are output; request numbers the
// sequence. logits stay as they are.
func (s *Sampler) Next(logits []float32, history []int32, made int, request uint64) (int32, error) {
	s.scores = append(s.scores[:0], logits...)
	s.Penalise(s.scores, history, made)
	if !s.p.DoSample {
		return Argmax(s.scores)
	}
	s.Warp(s.scores)
	return s.Draw(s.scores, request, uint64(made))
}

// Argmax is the lowest id of the largest score.
func Argmax(scores []float32) (int32, error) {
	best := -1
	for i, x := range scores {
		if x > none && (best < 0 || x > scores[best]) {
			best = i
		}
	}
	if best < 0 {
		return 0, ErrNoToken
	}
	return int32(best), nil
}

// Draw picks by the softmax of scores with the random number of (request, step).
func (s *Sampler) Draw(scores []float32, request, step uint64) (int32, error) {
	top := none
	for _, x := range scores {
		top = max(top, x) // NaN stays NaN
	}
	if !(top > none) {
		return 0, ErrNoToken
	}
	total := 0.0
	for _, x := range scores {
		total += weight(x, top)
	}
	w := philox.Block(philox.Counter(step, request), philox.Key(s.p.Seed))
	limit := philox.Unit(w[0], w[1]) * total
	sum, last := 0.0, int32(0)
	for i, x := range scores {
		if x == none {
			continue
		}
		last = int32(i)
		if sum += weight(x, top); sum > limit {
			break
		}
	}
	return last, nil
}

func weight(x, top float32) float64 {
	if x == none {
		return 0
	}
	return math.Exp(float64(x) - float64(top))
}
