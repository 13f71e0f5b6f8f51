package handler

import (
	"fmt"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/chat/ordjson"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

func alpacaKind() Kind {
	return Kind{
		Style: "alpaca", Reference: "AlpacaStyleInstructionHandler",
		Doc:       "records of instruction, input and output, with optional history and system, through a prompt template",
		Templated: true, Instruction: true,
		New: func(o Options) (Handler, error) {
			m, err := o.mapColumns(mapping{"prompt": "instruction", "query": "input", "response": "output", "history": "", "system": ""})
			return alpaca{o, m}, err
		},
	}
}

// alpaca reads one exchange a record.
type alpaca struct {
	Options
	columns mapping
}

func (h alpaca) Fields() []string { return instructionFields }
func (h alpaca) Columns() []string {
	return h.columns.columns("prompt", "query", "response", "history", "system")
}

func (h alpaca) Encode(r record.Record) (Document, error) {
	c, why, err := h.conversation(r)
	switch {
	case err != nil:
		return Document{}, err
	case why != "":
		return dropped("%s", why), nil
	}
	return h.encodeOne(r, c)
}

func (h alpaca) conversation(r record.Record) (c conversation, why string, err error) {
	var prompt, query string
	if prompt, err = h.columns.text(r, "prompt"); err != nil {
		return c, "", err
	}
	if query, err = h.columns.text(r, "query"); err != nil {
		return c, "", err
	}
	if c.system, err = h.columns.text(r, "system"); err != nil {
		return c, "", err
	}
	// The reference never looks at a mapped history.
	if h.columns["history"] != "" && !h.Compat {
		if c.prompt, err = history(r, h.columns["history"]); err != nil {
			return c, "", err
		}
	}
	user := joinParts(prompt, query)
	c.prompt = append(c.prompt, chat.Message{Role: chat.User, Content: user})
	if c.answers, err = answers(r, h.columns["response"]); err != nil {
		return c, "", err
	}
	switch {
	case len(c.answers) == 0, !h.Compat && len(c.answers) == 1 && c.answers[0].Content == "":
		return c, "no response", nil
	case !h.Compat && user == "":
		return c, "no prompt", nil
	}
	return c, "", nil
}

// answers reads a text, or a list of texts; null is none.
func answers(r record.Record, column string) ([]chat.Message, error) {
	v, _ := r.Fields.Get(column)
	var out []chat.Message
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return []chat.Message{{Role: chat.Assistant, Content: v}}, nil
	case []any:
		for i, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, fmt.Errorf("%s: entry %d of %q is %s, want a text", r.Place, i, column, ordjson.TypeName(e))
			}
			out = append(out, chat.Message{Role: chat.Assistant, Content: s})
		}
		return out, nil
	}
	return nil, fmt.Errorf("%s: %q is %s, want a text or a list of texts", r.Place, column, ordjson.TypeName(v))
}

// history reads earlier rounds: a list of pairs of question and answer.
func history(r record.Record, column string) ([]chat.Message, error) {
	v, _ := r.Fields.Get(column)
	if v == nil || v == "" { // a CSV cell has no lists
		return nil, nil
	}
	rounds, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%s: %q is %s, want a list of [question, answer] pairs", r.Place, column, ordjson.TypeName(v))
	}
	var out []chat.Message
	for i, e := range rounds {
		pair, _ := e.([]any)
		if len(pair) != 2 {
			return nil, fmt.Errorf("%s: round %d of %q is no [question, answer] pair", r.Place, i, column)
		}
		q, okQ := pair[0].(string)
		a, okA := pair[1].(string)
		if !okQ || !okA {
			return nil, fmt.Errorf("%s: round %d of %q holds %s and %s, want two texts", r.Place, i, column, ordjson.TypeName(pair[0]), ordjson.TypeName(pair[1]))
		}
		out = append(out, chat.Message{Role: chat.User, Content: q}, chat.Message{Role: chat.Assistant, Content: a})
	}
	return out, nil
}
