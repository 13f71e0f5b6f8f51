package inference

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// pair is a request as token ids.
type pair struct{ context, continuation []int32 }

// encoder tokenizes requests. It remembers the last context, which the choices of a question share.
type encoder struct {
	runner *Runner
	known  bool
	text   string // the last context
	ids    []int32
}

// encode tokenizes a request: blanks at the end of the context move to the continuation, whose ids
// are what the joint text has beyond the context's own.
func (e *encoder) encode(q Request) (pair, error) {
	t := e.runner.Tokenizer
	var p pair
	switch {
	case q.IDs != nil:
		p = pair{q.IDs, t.Encode(nil, q.Continuation, false)}
	case q.Context == "":
		prefix := e.runner.prefix()
		if prefix < 0 {
			return p, errors.New("an empty context needs a bos or eos token, and the tokenizer has neither")
		}
		ids := t.Encode(nil, q.Continuation, false)
		if len(ids) > 1 && ids[0] == prefix {
			p = pair{ids[:1], ids[1:]}
		} else {
			p = pair{[]int32{prefix}, ids}
		}
	default:
		context := strings.TrimRightFunc(q.Context, blank)
		if !e.known || e.text != context {
			e.known, e.text, e.ids = true, context, t.Encode(nil, context, true)
		}
		whole := t.Encode(nil, q.Context+q.Continuation, true)
		own := e.ids[:min(len(e.ids), len(whole))]
		p = pair{own, whole[len(own):]}
	}
	if len(p.continuation) == 0 {
		return p, fmt.Errorf("the continuation %q has no tokens of its own", q.Continuation)
	}
	if len(p.context) == 0 {
		return p, fmt.Errorf("the context %q has no tokens", q.Context)
	}
	for _, ids := range [][]int32{p.context, p.continuation} {
		if err := e.runner.checkIDs(ids); err != nil {
			return p, err
		}
	}
	return p, nil
}

// blank is what Python strips from the end of a text, which the reference does.
func blank(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// fit cuts a pair from the left to the model's window: window+1 ids, the last of which is no input.
func (r *Runner) fit(p pair) (pair, error) {
	window := r.Model.Config().MaxPositions
	if over := len(p.context) + len(p.continuation) - (window + 1); window > 0 && over > 0 {
		if over >= len(p.context) {
			return p, fmt.Errorf("the continuation has %d tokens, the model's window is %d", len(p.continuation), window)
		}
		p.context = p.context[over:]
	}
	return p, nil
}

// prefix is the token that stands for an empty context.
func (r *Runner) prefix() int32 {
	sp := r.Tokenizer.Special()
	if sp.BOS >= 0 {
		return sp.BOS
	}
	return sp.EOS
}
