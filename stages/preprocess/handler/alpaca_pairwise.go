package handler

import (
	"fmt"

	"github.com/belay-ml/belay/stages/preprocess/record"
)

func alpacaPairwiseKind() Kind {
	return Kind{
		Style: "alpaca_pairwise", Reference: "AlpacaStylePairwiseHandler",
		Doc:       "records of prompt, chosen and rejected, with optional query, history and system, for preference training",
		Templated: true, Instruction: true, Pairs: true,
		New: func(o Options) (Handler, error) {
			columns := map[string]string{"prompt": "prompt", "chosen": "chosen", "rejected": "rejected", "history": "", "system": "system"}
			if !o.Compat {
				columns["query"] = "" // the reference has none
			}
			m, err := o.mapColumns(columns, "history", "system")
			return alpacaPairwise{newEncoder(o), m}, err
		},
	}
}

// alpacaPairwise reads a question with a better and a worse answer.
type alpacaPairwise struct {
	*encoder
	columns mapping
}

func (h alpacaPairwise) Fields() []string   { return pairFields }
func (h alpacaPairwise) Optional() []string { return h.columns.optional() }
func (h alpacaPairwise) Columns() []string {
	return h.columns.columns("prompt", "query", "chosen", "rejected", "history", "system")
}

func (h alpacaPairwise) Encode(r record.Record, m *Memory) (Document, error) {
	return h.converse(r, m, h.read, h.encodePair)
}

func (h alpacaPairwise) read(r record.Record, c *conversation) (why string, err error) {
	if why, err = h.columns.alpaca(r, c, h.Compat); err != nil || why != "" {
		return why, err
	}
	return h.respond(r, c)
}

// respond adds the two answers.
func (h alpacaPairwise) respond(r record.Record, c *conversation) (why string, err error) {
	asked := len(c.messages)
	var chosen, rejected int
	if c.messages, chosen, err = answers(c.messages, r, h.columns.column("chosen")); err != nil {
		return "", err
	}
	if c.messages, rejected, err = answers(c.messages, r, h.columns.column("rejected")); err != nil {
		return "", err
	}
	if chosen == 0 || rejected == 0 {
		return "no chosen or no rejected response", nil
	}
	second := asked + chosen // where the rejected ones begin
	if chosen > 1 || rejected > 1 {
		if !h.Compat || rejected < 2 {
			return "", fmt.Errorf("%s: %d chosen and %d rejected responses, want one of each", r.Place, chosen, rejected)
		}
		second++ // the reference takes the first chosen and the second rejected one
	}
	c.messages = append(c.messages[:asked+1], c.messages[second])
	c.answers = 2
	if !h.Compat && (c.messages[asked].Content == "" || c.messages[asked+1].Content == "") {
		return "no chosen or no rejected response", nil
	}
	return "", nil
}
