package handler

import (
	"fmt"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

func generalKind() Kind {
	return Kind{
		Style: "general", Reference: "GeneralInstructionHandler",
		Doc:         "records of instruction, input and output under fixed headings",
		Instruction: true,
		New:         func(o Options) (Handler, error) { return general{o}, nil },
	}
}

// general writes one exchange under headings.
type general struct{ Options }

func (general) Fields() []string  { return instructionFields }
func (general) Columns() []string { return []string{"instruction", "input", "output"} }

func (h general) Encode(r record.Record) (Document, error) {
	text, why, err := h.texts(r, h.Columns())
	if err != nil || why != "" {
		return dropped("%s", why), err
	}
	user := text[0] + "\n" + text[1]
	if !h.Compat {
		user = joinParts(text[0], text[1])
	}
	return h.exchange(user, text[2]), nil
}

// exchange is the sample of one question and answer under headings.
func (o Options) exchange(user, answer string) Document {
	return sample(o.end(o.headings([]chat.Message{{Role: chat.User, Content: user}, {Role: chat.Assistant, Content: answer}})))
}

// texts reads columns, of which the last is the answer. The reference stops at null.
func (o Options) texts(r record.Record, columns []string) (text []string, why string, err error) {
	for i, c := range columns {
		s, ok, err := r.Text(c)
		if err != nil {
			return nil, "", err
		}
		if !ok && o.Compat {
			return nil, "", fmt.Errorf("%s: %q is null, and the reference stops there: leave compat out to pass over such records", r.Place, c)
		}
		if !o.Compat && s == "" && i == len(columns)-1 {
			why = "no response"
		}
		text = append(text, s)
	}
	return text, why, nil
}
