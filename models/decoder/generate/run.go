package generate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/belay-ml/belay/models/decoder"
	"github.com/belay-ml/belay/models/decoder/sample"
)

// Options says how to continue.
type Options struct {
	sample.Params
	MaxNewTokens int
	Slots        int // sequences at a time; 0 means 8
	// LogProbs asks for the log-probability of each chosen token, before penalties and filters.
	LogProbs bool
	// FirstRequest numbers the first prompt for the random numbers; the others follow.
	FirstRequest uint64
	// Token, when set, hears of every token as it is chosen; answering true ends that sequence.
	Token func(prompt int, id int32) (stop bool)
}

// Reason says why a sequence ended.
type Reason string

// The reasons.
const (
	EOS    Reason = "eos"    // an end token came
	Stop   Reason = "stop"   // Token said so
	Length Reason = "length" // MaxNewTokens
)

// Result is one continuation, without the prompt, with the eos if one came.
type Result struct {
	IDs      []int32
	LogProbs []float32
	Reason   Reason
}

// Check says what is wrong with the options.
func (o Options) Check() error {
	err := o.Params.Check()
	if o.MaxNewTokens <= 0 {
		err = errors.Join(err, fmt.Errorf("max_new_tokens: want a positive number, have %d", o.MaxNewTokens))
	}
	return err
}

// sequence is a prompt under way.
type sequence struct {
	prompt  int
	history []int32
	made    int
	feed    []int32 // what the session has not seen
}

// Run continues every prompt. It returns early with ctx's error.
func Run(ctx context.Context, m *decoder.Model, prompts [][]int32, opt Options) ([]Result, error) {
	if err := opt.Check(); err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	longest := 0
	for i, p := range prompts {
		if len(p) == 0 {
			return nil, fmt.Errorf("generate: prompt %d has no tokens", i)
		}
		longest = max(longest, len(p))
	}
	if len(prompts) == 0 {
		return nil, nil
	}
	sampler, err := sample.New(opt.Params)
	if err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	slots := opt.Slots
	if slots <= 0 {
		slots = 8
	}
	slots = min(slots, len(prompts))
	session, err := m.NewSession(decoder.SessionOptions{Slots: slots, MaxLen: longest + opt.MaxNewTokens})
	if err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	r := &runner{opt: opt, session: session, sampler: sampler, vocab: m.Config().Vocab, results: make([]Result, len(prompts)), running: make([]*sequence, slots)}
	next := 0
	for {
		for slot := range r.running {
			if r.running[slot] == nil && next < len(prompts) {
				session.Truncate(slot, 0)
				history := append(make([]int32, 0, len(prompts[next])+opt.MaxNewTokens), prompts[next]...)
				r.running[slot] = &sequence{prompt: next, history: history, feed: history}
				next++
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("generate: %w", err)
		}
		busy, err := r.step()
		if err != nil {
			return nil, fmt.Errorf("generate: %w", err)
		}
		if !busy {
			return r.results, nil
		}
	}
}

type runner struct {
	opt     Options
	session *decoder.Session
	sampler *sample.Sampler
	vocab   int
	results []Result
	running []*sequence // by slot
	chunks  []decoder.Chunk
}

// step makes one token in every running sequence.
func (r *runner) step() (busy bool, err error) {
	r.chunks = r.chunks[:0]
	for slot, q := range r.running {
		if q != nil {
			r.chunks = append(r.chunks, decoder.Chunk{Slot: slot, IDs: q.feed})
		}
	}
	if len(r.chunks) == 0 {
		return false, nil
	}
	logits, err := r.session.Feed(r.chunks)
	if err != nil {
		return false, err
	}
	for i, c := range r.chunks {
		q := r.running[c.Slot]
		row := logits[i*r.vocab : (i+1)*r.vocab]
		id, err := r.sampler.Next(row, q.history, q.made, r.opt.FirstRequest+uint64(q.prompt))
		if err != nil {
			return false, fmt.Errorf("prompt %d, token %d: %w", q.prompt, q.made, err)
		}
		q.history = append(q.history, id)
		q.made++
		q.feed = q.history[len(q.history)-1:]
		res := &r.results[q.prompt]
		res.IDs = append(res.IDs, id)
		if r.opt.LogProbs {
			res.LogProbs = append(res.LogProbs, float32(float64(row[id])-logSumExp(row)))
		}
		stop := r.opt.Token != nil && r.opt.Token(q.prompt, id)
		switch {
		case slices.Contains(r.opt.EOS, id):
			res.Reason = EOS
		case stop:
			res.Reason = Stop
		case q.made == r.opt.MaxNewTokens:
			res.Reason = Length
		default:
			continue
		}
		r.running[c.Slot] = nil
	}
	return true, nil
}

// logSumExp is log(sum(exp(x))).
func logSumExp(x []float32) float64 {
	top := slices.Max(x)
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v) - float64(top))
	}
	return float64(top) + math.Log(sum)
}
