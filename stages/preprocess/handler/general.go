package handler

import "github.com/belay-ml/belay/stages/preprocess/record"

func generalKind() Kind {
	return Kind{
		Style: "general", Reference: "GeneralInstructionHandler",
		Doc:         "records of instruction, input and output under fixed headings",
		Instruction: true,
		New:         func(o Options) (Handler, error) { return general{newEncoder(o)}, nil },
	}
}

// general writes one exchange under headings.
type general struct{ *encoder }

func (general) Fields() []string { return instructionFields }

func (h general) Columns() []string {
	if h.Compat {
		return []string{"instruction", "input", "output"}
	}
	return []string{"instruction", "output"}
}

func (h general) Optional() []string {
	if h.Compat {
		return nil
	}
	return []string{"input"}
}

func (h general) Encode(r record.Record, m *Memory) (Document, error) {
	text, why, err := h.texts(r, []string{"instruction", "input", "output"})
	if err != nil || why != "" {
		return Document{Dropped: why}, err
	}
	user := text[0] + "\n" + text[1] // in the reference the line end stands without an input, too
	if !h.Compat {
		if user = join(text[0], text[1]); user == "" {
			return Document{Dropped: "no prompt"}, nil
		}
	}
	return h.exchange(user, text[2], m), nil
}
