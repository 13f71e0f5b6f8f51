package handler

import (
	"fmt"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/chat/ordjson"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

func sharegptPairwiseKind() Kind {
	return Kind{
		Style: "sharegpt_pairwise", Reference: "SharegptStylePairwiseHandler",
		Doc:       "conversations of tagged messages with a chosen and a rejected answer, for preference training",
		Templated: true, Instruction: true, Pairs: true, Tagged: true,
		New: func(o Options) (Handler, error) {
			h, err := newSharegpt(o, map[string]string{"messages": "conversations", "chosen": "chosen", "rejected": "rejected", "system": "system", "tools": ""})
			return sharegptPairwise{h}, err
		},
	}
}

// sharegptPairwise reads conversations that end with a user's message and have two answers.
type sharegptPairwise struct{ sharegpt }

func (h sharegptPairwise) Fields() []string { return pairFields }
func (h sharegptPairwise) Columns() []string {
	return h.columns.columns("messages", "chosen", "rejected", "system", "tools")
}

func (h sharegptPairwise) Encode(r record.Record, m *Memory) (Document, error) {
	return h.converse(r, m, h.pair, h.encodePair)
}

func (h sharegptPairwise) pair(r record.Record, c *conversation) (why string, err error) {
	if why, err = h.read(r, c); err != nil || why != "" {
		return why, err
	}
	return h.respond(r, c)
}

// respond adds the chosen and the rejected answer. The reference takes both roles from the chosen one.
func (h sharegptPairwise) respond(r record.Record, c *conversation) (why string, err error) {
	if len(c.messages)%2 != 1 {
		return "even number of messages before the answers", nil
	}
	asked := len(c.messages)
	for i, role := range []string{"chosen", "rejected"} {
		v, column := h.columns.value(r, role)
		if v == nil && !h.Compat {
			return "no chosen or no rejected response", nil
		}
		who, text, err := h.message(r, asked+i, v)
		if err != nil {
			return "", fmt.Errorf("%w (in %q, which is %s)", err, column, ordjson.TypeName(v))
		}
		speaker, ok := h.tags.speakers[who]
		switch {
		case i == 1 && h.Compat:
			speaker = c.messages[asked].Role
		case !ok:
			return "", fmt.Errorf("%s: %q is from %q, want one of %s (tags names other words)", r.Place, column, who, h.tags.list())
		case !h.Compat && (speaker == chat.User || speaker == chat.Observation):
			return "", fmt.Errorf("%s: %q is from %q, who asks: want an answer", r.Place, column, who)
		case !h.Compat && text == "":
			return "no chosen or no rejected response", nil
		}
		c.messages = append(c.messages, chat.Message{Role: speaker, Content: text})
	}
	c.answers = 2
	return "", nil
}
