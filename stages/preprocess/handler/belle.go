package handler

import (
	"strings"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

func belleKind() Kind {
	return Kind{
		Style: "belle", Reference: "BelleMultiTurnInstructionHandler",
		Doc:         "an instruction that holds Human: and Assistant: turns, and the output of the last, under fixed headings",
		Instruction: true,
		New:         func(o Options) (Handler, error) { return belle{newEncoder(o)}, nil },
	}
}

// belle reads rounds out of one text.
type belle struct{ *encoder }

func (belle) Fields() []string  { return instructionFields }
func (belle) Columns() []string { return []string{"instruction", "output"} }

func (h belle) Encode(r record.Record, m *Memory) (Document, error) {
	text, why, err := h.texts(r, h.Columns())
	if err != nil || why != "" {
		return Document{Dropped: why}, err
	}
	w := h.take()
	defer h.give(w)
	messages := w.messages[:0]
	for _, part := range strings.Split(text[0], "Human:") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		// An answer may hold the heading itself; the reference loses what follows a second one.
		question, answer, _ := strings.Cut(part, "Assistant:")
		if h.Compat {
			answer, _, _ = strings.Cut(answer, "Assistant:")
		}
		messages = append(messages,
			chat.Message{Role: chat.User, Content: strings.TrimSpace(question)},
			chat.Message{Role: chat.Assistant, Content: strings.TrimSpace(answer)})
	}
	// The text ends with the last answer's heading, and the output is that answer.
	if n := len(messages); n > 0 {
		messages = messages[:n-1]
	}
	if len(messages) == 0 && !h.Compat {
		return Document{Dropped: "no prompt"}, nil
	}
	messages = append(messages, chat.Message{Role: chat.Assistant, Content: strings.TrimSpace(text[1])})
	w.messages = messages
	ids, n := h.headings(w, messages)
	return Document{Samples: append(m.samples(1), w.learnAfter(m, ids, n))}, nil
}
