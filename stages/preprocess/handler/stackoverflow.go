package handler

import (
	"fmt"

	"github.com/belay-ml/belay/stages/preprocess/record"
)

func stackOverflowKind() Kind {
	return Kind{
		Style: "stackoverflow", Reference: "StackOverflowPythonPretrainHandler",
		Doc: "questions and answers (title, question_body, answer_body) as running text",
		New: func(o Options) (Handler, error) {
			if o.Compat {
				return nil, fmt.Errorf("style stackoverflow: the reference's handler fails on every record: leave compat out")
			}
			return stackOverflow{newEncoder(o)}, nil
		},
	}
}

// stackOverflow writes the text that the reference's handler means to make, before it returns nothing.
type stackOverflow struct{ *encoder }

func (stackOverflow) Fields() []string  { return []string{"text"} }
func (stackOverflow) Columns() []string { return []string{"title", "question_body", "answer_body"} }

func (h stackOverflow) Encode(r record.Record, m *Memory) (Document, error) {
	text, why, err := h.texts(r, h.Columns())
	if err != nil || why != "" {
		return Document{Dropped: why}, err
	}
	full := "In python, " + text[0] + "\n### Question:\n" + text[1] + "\n### Response:\n" + text[2] + "\n"
	return Document{Texts: [][][]int32{h.encode(full, m)}}, nil
}
