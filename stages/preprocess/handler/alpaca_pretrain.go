package handler

import (
	"fmt"

	"github.com/belay-ml/belay/stages/preprocess/record"
)

func alpacaPretrainKind() Kind {
	return Kind{
		Style: "alpaca_pretrain", Reference: "AlpacaPretrainHandler",
		Doc: "records of instruction, input and output as running text",
		New: func(o Options) (Handler, error) { return alpacaPretrain{newEncoder(o)}, nil },
	}
}

// alpacaPretrain writes a fixed dialogue text around each record.
type alpacaPretrain struct{ *encoder }

func (alpacaPretrain) Fields() []string { return []string{"text"} }
func (h alpacaPretrain) Optional() []string {
	if h.Compat {
		return nil
	}
	return []string{"input"}
}

func (h alpacaPretrain) Columns() []string {
	if h.Compat {
		return []string{"instruction", "input", "output"}
	}
	return []string{"instruction", "output"}
}

func (h alpacaPretrain) Encode(r record.Record, m *Memory) (Document, error) {
	var text [3]string
	for i, c := range []string{"instruction", "input", "output"} {
		s, ok, err := r.Text(c)
		if err != nil {
			return Document{}, err
		}
		if !ok && h.Compat && c != "input" {
			return Document{}, fmt.Errorf("%s: %q is null, and the reference stops there", r.Place, c)
		}
		text[i] = s
	}
	if !h.Compat && text[2] == "" {
		return Document{Dropped: "no response"}, nil
	}
	middle := "\n\n### Input:\n" + text[1]
	switch {
	case text[1] != "":
	case h.Compat:
		middle = "\n\n###None" // a missing part, formatted by Python
	default:
		middle = ""
	}
	full := "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions." +
		"USER: Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n" + text[0] +
		middle + "\n\n### Response: ASSISTANT: " + text[2]
	return Document{Texts: [][][]int32{h.encode(full, m)}}, nil
}
