package inference

import (
	"context"
	"fmt"
	"math"
	"strings"
	"unicode"

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

// pair is a request as token ids.
type pair struct{ context, continuation []int32 }

// sequence is one input row with the requests it answers.
type sequence struct {
	ids      []int32
	requests []int // all with a one-token continuation when there is more than one
}

// LogLikelihood scores every request. batch is the most tokens of one forward pass; progress, when
// not nil, is told how many requests are done.
func (r *Runner) LogLikelihood(ctx context.Context, requests []Request, batch int, progress func(done int)) ([]Score, error) {
	pairs := make([]pair, len(requests))
	scores := make([]Score, len(requests))
	var seqs []sequence
	index := map[string]int{}
	longest := 1
	for i, q := range requests {
		p, err := r.encode(q)
		if err != nil {
			return nil, fmt.Errorf("score request %d: %w", i+1, err)
		}
		scores[i].Tokens, scores[i].Context = len(p.continuation), len(p.context)
		p = r.fit(p)
		pairs[i] = p
		input := append(append([]int32(nil), p.context...), p.continuation...)
		input = input[:len(input)-1]
		longest = max(longest, len(input))
		if len(p.continuation) == 1 {
			key := keyOf(input)
			if at, ok := index[key]; ok {
				seqs[at].requests = append(seqs[at].requests, i)
				continue
			}
			index[key] = len(seqs)
		}
		seqs = append(seqs, sequence{ids: input, requests: []int{i}})
	}
	b, err := r.Model.NewBatch(decoder.Options{MaxTokens: max(batch, longest)})
	if err != nil {
		return nil, fmt.Errorf("score: %w", err)
	}
	s := scorer{runner: r, batch: b, pairs: pairs, scores: scores}
	done := 0
	for from := 0; from < len(seqs); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to, room := from, max(batch, longest)
		for to < len(seqs) && len(seqs[to].ids) <= room {
			room -= len(seqs[to].ids)
			to++
		}
		if err := s.score(seqs[from:to]); err != nil {
			return nil, err
		}
		for _, q := range seqs[from:to] {
			done += len(q.requests)
		}
		if progress != nil {
			progress(done)
		}
		from = to
	}
	return scores, nil
}

// encode tokenizes a request: blanks at the end of the context move to the continuation, whose ids
// are what the joint text has beyond the context's own.
func (r *Runner) encode(q Request) (pair, error) {
	var p pair
	switch {
	case q.IDs != nil:
		p = pair{q.IDs, r.Tokenizer.Encode(nil, q.Continuation, false)}
	case q.Context == "":
		prefix := r.prefix()
		if prefix < 0 {
			return p, fmt.Errorf("an empty context needs a bos or eos token, and the tokenizer has neither")
		}
		ids := r.Tokenizer.Encode(nil, q.Continuation, false)
		if len(ids) > 1 && ids[0] == prefix {
			p = pair{ids[:1], ids[1:]}
		} else {
			p = pair{[]int32{prefix}, ids}
		}
	default:
		context := strings.TrimRightFunc(q.Context, unicode.IsSpace)
		continuation := q.Context[len(context):] + q.Continuation
		whole := r.Tokenizer.Encode(nil, context+continuation, true)
		own := r.Tokenizer.Encode(nil, context, true)
		if len(own) > len(whole) {
			own = own[:len(whole)]
		}
		p = pair{own, whole[len(own):]}
	}
	if len(p.continuation) == 0 {
		return p, fmt.Errorf("the continuation %q has no tokens of its own", q.Continuation)
	}
	if len(p.context) == 0 {
		return p, fmt.Errorf("the context %q has no tokens", q.Context)
	}
	return p, nil
}

// fit cuts a pair from the left to the model's window: window+1 ids, the last of which is no input.
func (r *Runner) fit(p pair) pair {
	window := r.Model.Config().MaxPositions
	if over := len(p.context) + len(p.continuation) - (window + 1); window > 0 && over > 0 {
		if over >= len(p.context) {
			p.continuation = p.continuation[over-len(p.context)+1:]
			over = len(p.context) - 1
		}
		p.context = p.context[over:]
	}
	return p
}

// prefix is the token that stands for an empty context.
func (r *Runner) prefix() int32 {
	sp := r.Tokenizer.Special()
	if sp.BOS >= 0 {
		return sp.BOS
	}
	return sp.EOS
}

func keyOf(ids []int32) string {
	b := make([]byte, 0, 4*len(ids))
	for _, id := range ids {
		b = append(b, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
	}
	return string(b)
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
