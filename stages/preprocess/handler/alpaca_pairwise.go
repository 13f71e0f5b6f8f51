package handler

import (
	"fmt"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

func alpacaPairwiseKind() Kind {
	return Kind{
		Style: "alpaca_pairwise", Reference: "AlpacaStylePairwiseHandler",
		Doc:       "records of prompt, chosen and rejected, for preference training",
		Templated: true, Instruction: true, Pairs: true,
		New: func(o Options) (Handler, error) {
			m, err := o.mapColumns(mapping{"prompt": "prompt", "chosen": "chosen", "rejected": "rejected", "history": "", "system": "system"})
			return alpacaPairwise{o, m}, err
		},
	}
}

// alpacaPairwise reads a question with a better and a worse answer.
type alpacaPairwise struct {
	Options
	columns mapping
}

func (h alpacaPairwise) Fields() []string { return pairFields }
func (h alpacaPairwise) Columns() []string {
	return h.columns.columns("prompt", "chosen", "rejected", "history", "system")
}

func (h alpacaPairwise) Encode(r record.Record) (Document, error) {
	var c conversation
	prompt, err := h.columns.text(r, "prompt")
	if err != nil {
		return Document{}, err
	}
	if c.system, err = h.columns.text(r, "system"); err != nil {
		return Document{}, err
	}
	if h.columns["history"] != "" && !h.Compat {
		if c.prompt, err = history(r, h.columns["history"]); err != nil {
			return Document{}, err
		}
	}
	c.prompt = append(c.prompt, chat.Message{Role: chat.User, Content: prompt})
	chosen, err := answers(r, h.columns["chosen"])
	if err != nil {
		return Document{}, err
	}
	rejected, err := answers(r, h.columns["rejected"])
	if err != nil {
		return Document{}, err
	}
	if len(chosen) == 0 || len(rejected) == 0 {
		return dropped("no chosen or no rejected response"), nil
	}
	if len(chosen) > 1 || len(rejected) > 1 {
		if !h.Compat || len(rejected) < 2 {
			return Document{}, fmt.Errorf("%s: %d chosen and %d rejected responses, want one of each", r.Place, len(chosen), len(rejected))
		}
		rejected = rejected[1:] // the reference takes the first chosen and the second rejected
	}
	c.answers = []chat.Message{chosen[0], rejected[0]}
	return h.encodePair(r, c)
}
