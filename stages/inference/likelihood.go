package inference

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/decoder"
)

// Request asks for the log-likelihood of a continuation after a context.
type Request struct {
	Context      string
	Continuation string
	// IDs, when not nil, is the tokenized context (a rendered prompt template); Context is then not
	// read, and the continuation is tokenized on its own.
	IDs []int32
}

// Score is the answer to a Request.
type Score struct {
	LogProb float64 // sum over the continuation's tokens, in nats
	Greedy  bool    // whether greedy decoding would have written the continuation
	Tokens  int     // tokens of the continuation
	Context int     // tokens of the context, before it was cut to the window
}

// sequence is one input row with the requests it answers.
type sequence struct {
	ids      []int32
	requests []int // all with a one-token continuation when there is more than one
}

// LogLikelihood scores every request. Requests with the same context should stand side by side.
// batch is the most tokens of one forward pass; progress, when not nil, is told how many requests are
// done.
func (r *Runner) LogLikelihood(ctx context.Context, requests []Request, batch int, progress func(done int)) ([]Score, error) {
	s := scorer{runner: r, pairs: make([]pair, len(requests)), scores: make([]Score, len(requests))}
	seqs, longest, err := s.sequences(ctx, requests)
	if err != nil {
		return nil, err
	}
	batch = max(batch, longest)
	if s.batch, err = r.Model.NewBatch(decoder.Options{MaxTokens: batch}); err != nil {
		return nil, fmt.Errorf("score: %w", err)
	}
	done := 0
	for from := 0; from < len(seqs); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to, room := from, batch
		for to < len(seqs) && len(seqs[to].ids) <= room {
			room -= len(seqs[to].ids)
			to++
		}
		if err := s.score(seqs[from:to]); err != nil {
			return nil, err
		}
		for _, q := range seqs[from:to] {
			done += len(q.requests)
			for _, at := range q.requests {
				if math.IsNaN(s.scores[at].LogProb) {
					return nil, fault.New(fault.Compute, "score request %d: the log-likelihood is not a number", at+1).
						WithHint("do the model's weights hold NaN or infinity?")
				}
			}
		}
		if progress != nil {
			progress(done)
		}
		from = to
	}
	return s.scores, nil
}

// sequences tokenizes all requests and joins those that one row answers: one-token continuations of
// the same context.
func (s *scorer) sequences(ctx context.Context, requests []Request) (seqs []sequence, longest int, err error) {
	index := map[string]int{}
	e := encoder{runner: s.runner}
	var key []byte
	longest = 1
	for i, q := range requests {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		p, err := e.encode(q)
		if err == nil {
			s.scores[i].Tokens, s.scores[i].Context = len(p.continuation), len(p.context)
			p, err = s.runner.fit(p)
		}
		if err != nil {
			return nil, 0, fault.Wrap(fault.Data, fmt.Errorf("score request %d: %w", i+1, err))
		}
		s.pairs[i] = p
		ids := p.context
		if n := len(p.continuation); n > 1 {
			ids = slices.Concat(p.context, p.continuation[:n-1])
		} else {
			key = appendKey(key[:0], ids)
			if at, ok := index[string(key)]; ok {
				seqs[at].requests = append(seqs[at].requests, i)
				continue
			}
			index[string(key)] = len(seqs)
		}
		longest = max(longest, len(ids))
		seqs = append(seqs, sequence{ids: ids, requests: []int{i}})
	}
	return seqs, longest, nil
}

func appendKey(b []byte, ids []int32) []byte {
	for _, id := range ids {
		b = append(b, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
	}
	return b
}

// scorer runs batches of sequences.
type scorer struct {
	runner *Runner
	batch  *decoder.Batch
	pairs  []pair
	scores []Score

	ids, targets, cu, last []int32
	logp                   []float32
	greedy                 []bool
	logits                 []float32
}

// score runs one batch. Sequences with one request are scored by their targets; those that several
// requests share give the logits of their last row.
func (s *scorer) score(seqs []sequence) error {
	s.ids, s.targets, s.last = s.ids[:0], s.targets[:0], s.last[:0]
	s.cu = append(s.cu[:0], 0)
	for _, q := range seqs {
		s.ids = append(s.ids, q.ids...)
		row := len(s.targets)
		for range q.ids {
			s.targets = append(s.targets, -1)
		}
		if len(q.requests) == 1 {
			c := s.pairs[q.requests[0]].continuation
			copy(s.targets[row+len(q.ids)-len(c):], c)
		} else {
			s.last = append(s.last, int32(len(s.ids)-1))
		}
		s.cu = append(s.cu, int32(len(s.ids)))
	}
	if err := s.batch.Forward(decoder.Input{IDs: s.ids, Targets: s.targets, CuSeqlens: s.cu}); err != nil {
		return fmt.Errorf("score: %w", err)
	}
	if n := len(s.ids); cap(s.logp) < n {
		s.logp, s.greedy = make([]float32, n), make([]bool, n)
	}
	logp, greedy := s.logp[:len(s.ids)], s.greedy[:len(s.ids)]
	if err := s.batch.Score(logp, greedy); err != nil {
		return err
	}
	vocab := s.runner.Model.Config().Vocab
	if n := len(s.last) * vocab; cap(s.logits) < n {
		s.logits = make([]float32, n)
	}
	logits := s.logits[:len(s.last)*vocab]
	if len(s.last) > 0 {
		if err := s.batch.Logits(logits, s.last); err != nil {
			return err
		}
	}
	shared := 0
	for i, q := range seqs {
		if len(q.requests) == 1 {
			out := &s.scores[q.requests[0]]
			end := int(s.cu[i+1])
			out.Greedy = true
			for row := end - len(s.pairs[q.requests[0]].continuation); row < end; row++ {
				out.LogProb += float64(logp[row])
				out.Greedy = out.Greedy && greedy[row]
			}
			continue
		}
		row := logits[shared*vocab : (shared+1)*vocab]
		shared++
		norm, best := logSumExp(row)
		for _, at := range q.requests {
			id := s.pairs[at].continuation[0]
			s.scores[at].LogProb = float64(row[id]) - norm
			s.scores[at].Greedy = int(id) == best
		}
	}
	return nil
}

// logSumExp is the log of the softmax sum and the first maximum.
func logSumExp(row []float32) (float64, int) {
	best := 0
	for i, x := range row {
		if x > row[best] {
			best = i
		}
	}
	top := float64(row[best])
	sum := 0.0
	for _, x := range row {
		sum += math.Exp(float64(x) - top)
	}
	return top + math.Log(sum), best
}
