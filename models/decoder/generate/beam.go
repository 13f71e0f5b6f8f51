package generate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/belay-ml/belay/models/decoder"
	"github.com/belay-ml/belay/models/decoder/sample"
)

// Early says when beam search gives up on better sequences.
type Early string

// The values of early_stopping.
const (
	EarlyFalse Early = "false" // when the best running beam, at its length now, cannot win
	EarlyTrue  Early = "true"  // when there are as many finished sequences as beams
	EarlyNever Early = "never" // when no running beam can win at any length
)

// BeamOptions adds to Options what beam search needs. DoSample, LogProbs, Slots and Token must be off.
type BeamOptions struct {
	Options
	Beams         int
	Return        int // sequences a prompt; 0 means 1
	LengthPenalty float64
	Early         Early // "" means EarlyFalse
}

// Hypothesis is a finished sequence.
type Hypothesis struct {
	IDs   []int32 // without the prompt
	Score float64
}

// Check says what is wrong with the options.
func (o BeamOptions) Check() error {
	err := o.Options.Check()
	add := func(format string, args ...any) { err = errors.Join(err, fmt.Errorf(format, args...)) }
	if o.Beams < 1 {
		add("num_beams: want a positive number, have %d", o.Beams)
	}
	if o.Return > o.Beams || o.Return < 0 {
		add("num_return_sequences: want at most num_beams (%d), have %d", o.Beams, o.Return)
	}
	if o.DoSample {
		add("do_sample: beam search does not sample; set num_beams to 1 or do_sample to false")
	}
	if o.LogProbs || o.Token != nil || o.Slots != 0 {
		add("log-probabilities, streaming and slots are not for beam search")
	}
	if !slices.Contains([]Early{"", EarlyFalse, EarlyTrue, EarlyNever}, o.Early) {
		add("early_stopping: want true, false or never, have %q", o.Early)
	}
	return err
}

// beam is one running or finished sequence.
type beam struct {
	slot    int // of the session, which holds all but the last token
	history []int32
	score   float64 // sum of log-probabilities; divided by the length penalty once finished
}

// candidate is a beam with one token more.
type candidate struct {
	from int
	id   int32
	sum  float64
	ends bool
}

// Beam searches the best continuations of one prompt, best first.
func Beam(ctx context.Context, m *decoder.Model, prompt []int32, opt BeamOptions) ([]Hypothesis, error) {
	if err := opt.Check(); err != nil {
		return nil, fmt.Errorf("beam search: %w", err)
	}
	if len(prompt) == 0 {
		return nil, errors.New("beam search: the prompt has no tokens")
	}
	sampler, err := sample.New(opt.Params)
	if err != nil {
		return nil, fmt.Errorf("beam search: %w", err)
	}
	// Twice the slots: the next generation is forked from the present one.
	session, err := m.NewSession(decoder.SessionOptions{Slots: 2 * opt.Beams, MaxLen: len(prompt) + opt.MaxNewTokens})
	if err != nil {
		return nil, fmt.Errorf("beam search: %w", err)
	}
	s := &search{opt: opt, vocab: m.Config().Vocab, session: session, sampler: sampler, prompt: len(prompt)}
	s.running = []beam{{history: slices.Clone(prompt)}}
	feed := prompt
	for made := 0; ; made++ {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("beam search: %w", err)
		}
		more, err := s.step(feed, made)
		if err != nil {
			return nil, fmt.Errorf("beam search: %w", err)
		}
		if !more {
			break
		}
		feed = nil
	}
	return s.best(), nil
}

type search struct {
	opt      BeamOptions
	vocab    int
	session  *decoder.Session
	sampler  *sample.Sampler
	prompt   int
	running  []beam
	finished []beam // at most Beams, best first
	settled  bool   // no running beam can do better
	scores   []float32
}

// step extends all running beams by a token and says whether to go on. feed is the prompt at first.
func (s *search) step(feed []int32, made int) (bool, error) {
	chunks := make([]decoder.Chunk, len(s.running))
	for i, b := range s.running {
		ids := feed
		if ids == nil {
			ids = b.history[len(b.history)-1:]
		}
		chunks[i] = decoder.Chunk{Slot: b.slot, IDs: ids}
	}
	logits, err := s.session.Feed(chunks)
	if err != nil {
		return false, err
	}
	top := s.candidates(logits, made)
	length := made + 1
	s.finish(top[:min(len(top), s.opt.Beams)], length)
	allEnd := !slices.ContainsFunc(top, func(c candidate) bool { return !c.ends })
	if allEnd {
		return false, nil
	}
	s.advance(top)
	s.settle(length)
	full := len(s.finished) == s.opt.Beams
	return !s.settled && !(full && s.opt.Early == EarlyTrue), nil
}

// candidates lists the best extensions over all beams, best first.
func (s *search) candidates(logits []float32, made int) []candidate {
	keep := max(2, 1+len(s.opt.EOS)) * s.opt.Beams
	var all []candidate
	for i, b := range s.running {
		row := logits[i*s.vocab : (i+1)*s.vocab]
		norm := logSumExp(row)
		s.scores = s.scores[:0]
		for _, x := range row {
			s.scores = append(s.scores, float32(float64(x)-norm))
		}
		s.sampler.Penalise(s.scores, b.history, made)
		for id, x := range s.scores {
			if !math.IsInf(float64(x), -1) {
				all = append(all, candidate{from: i, id: int32(id), sum: b.score + float64(x)})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.sum, a.sum) })
	all = all[:min(len(all), keep)]
	for i := range all {
		all[i].ends = made+1 == s.opt.MaxNewTokens || slices.Contains(s.opt.EOS, all[i].id)
	}
	return all
}

// finish takes in those of the best candidates that end; only as many as there are beams may.
func (s *search) finish(top []candidate, length int) {
	full := len(s.finished) == s.opt.Beams
	if s.settled || (full && s.opt.Early == EarlyTrue) {
		return
	}
	for _, c := range top {
		if c.ends {
			s.finished = append(s.finished, beam{
				history: append(slices.Clone(s.running[c.from].history), c.id),
				score:   c.sum / math.Pow(float64(length), s.opt.LengthPenalty),
			})
		}
	}
	slices.SortStableFunc(s.finished, func(a, b beam) int { return cmp.Compare(b.score, a.score) })
	s.finished = s.finished[:min(len(s.finished), s.opt.Beams)]
}

// advance makes the best candidates that go on the running beams, in the other half of the slots.
func (s *search) advance(top []candidate) {
	base := 0
	if s.running[0].slot < s.opt.Beams {
		base = s.opt.Beams
	}
	var next []beam
	for _, c := range top {
		if c.ends || len(next) == s.opt.Beams {
			continue
		}
		from := s.running[c.from]
		slot := base + len(next)
		s.session.Fork(slot, from.slot)
		next = append(next, beam{slot: slot, history: append(slices.Clone(from.history), c.id), score: c.sum})
	}
	s.running = next
}

// settle notes when the best running beam cannot beat the worst finished one.
func (s *search) settle(length int) {
	if len(s.finished) < s.opt.Beams {
		return
	}
	if s.opt.Early == EarlyNever && s.opt.LengthPenalty > 0 {
		length = s.opt.MaxNewTokens
	}
	possible := s.running[0].score / math.Pow(float64(length), s.opt.LengthPenalty)
	if possible <= s.finished[len(s.finished)-1].score {
		s.settled = true
	}
}

func (s *search) best() []Hypothesis {
	n := min(max(s.opt.Return, 1), len(s.finished))
	out := make([]Hypothesis, n)
	for i, b := range s.finished[:n] {
		out[i] = Hypothesis{IDs: b.history[s.prompt:], Score: b.score}
	}
	return out
}
