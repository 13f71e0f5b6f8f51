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
			m, err := o.mapColumns(map[string]string{"prompt": "instruction", "query": "input", "response": "output", "history": "", "system": ""},
				"query", "history", "system")
			return alpaca{newEncoder(o), m}, err
		},
	}
}

// alpaca reads one exchange a record.
type alpaca struct {
	*encoder
	columns mapping
}

func (h alpaca) Fields() []string   { return instructionFields }
func (h alpaca) Optional() []string { return h.columns.optional() }
func (h alpaca) Columns() []string {
	return h.columns.columns("prompt", "query", "response", "history", "system")
}

func (h alpaca) Encode(r record.Record, m *Memory) (Document, error) {
	return h.converse(r, m, h.read, h.encodeOne)
}

func (h alpaca) read(r record.Record, c *conversation) (why string, err error) {
	if why, err = h.columns.alpaca(r, c, h.Compat); err != nil || why != "" {
		return why, err
	}
	return h.respond(r, c)
}

// respond adds the answers.
func (h alpaca) respond(r record.Record, c *conversation) (why string, err error) {
	if c.messages, c.answers, err = answers(c.messages, r, h.columns.column("response")); err != nil {
		return "", err
	}
	if c.answers == 0 || !h.Compat && c.answers == 1 && c.messages[len(c.messages)-1].Content == "" {
		return "no response", nil
	}
	return "", nil
}

// alpaca reads system, history and question. why is a reason to leave the record out. The reference
// never looks at a mapped history.
func (m mapping) alpaca(r record.Record, c *conversation, compat bool) (why string, err error) {
	var prompt, query string
	if prompt, err = m.text(r, "prompt"); err != nil {
		return "", err
	}
	if query, err = m.text(r, "query"); err != nil {
		return "", err
	}
	if c.system, err = m.text(r, "system"); err != nil {
		return "", err
	}
	if !compat && m.column("history") != "" {
		if c.messages, err = history(c.messages, r, m.column("history")); err != nil {
			return "", m.explain(err, "history")
		}
	}
	user := join(prompt, query)
	c.messages = append(c.messages, chat.Message{Role: chat.User, Content: user})
	if !compat && user == "" {
		return "no prompt", nil
	}
	return "", nil
}

// answers appends a text, or a list of texts; null is none.
func answers(to []chat.Message, r record.Record, column string) (all []chat.Message, n int, err error) {
	v, _ := r.Fields.Get(column)
	switch v := v.(type) {
	case nil:
		return to, 0, nil
	case string:
		return append(to, chat.Message{Role: chat.Assistant, Content: v}), 1, nil
	case []any:
		for i, e := range v {
			s, ok := e.(string)
			if !ok {
				return to, 0, fmt.Errorf("%s: entry %d of %q is %s, want a text", r.Place, i, column, ordjson.TypeName(e))
			}
			to = append(to, chat.Message{Role: chat.Assistant, Content: s})
		}
		return to, len(v), nil
	}
	return to, 0, fmt.Errorf("%s: %q is %s, want a text or a list of texts", r.Place, column, ordjson.TypeName(v))
}

// history appends earlier rounds: a list of pairs of question and answer.
func history(to []chat.Message, r record.Record, column string) ([]chat.Message, error) {
	v, _ := r.Fields.Get(column)
	if v == nil || v == "" { // a CSV cell has no lists
		return to, nil
	}
	rounds, ok := v.([]any)
	if !ok {
		return to, fmt.Errorf("%s: %q is %s, want a list of [question, answer] pairs", r.Place, column, ordjson.TypeName(v))
	}
	for i, e := range rounds {
		pair, _ := e.([]any)
		if len(pair) != 2 {
			return to, fmt.Errorf("%s: round %d of %q is no [question, answer] pair", r.Place, i, column)
		}
		q, okQ := pair[0].(string)
		a, okA := pair[1].(string)
		if !okQ || !okA {
			return to, fmt.Errorf("%s: round %d of %q holds %s and %s, want two texts", r.Place, i, column, ordjson.TypeName(pair[0]), ordjson.TypeName(pair[1]))
		}
		to = append(to, chat.Message{Role: chat.User, Content: q}, chat.Message{Role: chat.Assistant, Content: a})
	}
	return to, nil
}
