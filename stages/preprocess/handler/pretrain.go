package handler

import (
	"fmt"

	"github.com/belay-ml/belay/stages/preprocess/record"
)

func pretrainKind() Kind {
	return Kind{
		Style: "pretrain", Reference: "GeneralPretrainHandler",
		Doc:   "running text in the columns of json_keys, one index each",
		Keyed: true,
		New:   func(o Options) (Handler, error) { return pretrain{newEncoder(o)}, nil },
	}
}

// pretrain writes each column's text as a document.
type pretrain struct{ *encoder }

func (h pretrain) Fields() []string  { return h.Keys }
func (h pretrain) Columns() []string { return h.Keys }

func (h pretrain) Encode(r record.Record, m *Memory) (Document, error) {
	doc := Document{Texts: m.fields(len(h.Keys))}
	some := false
	for i, key := range h.Keys {
		text, ok, err := r.Text(key)
		switch {
		case err != nil:
			return doc, err
		case !ok && h.Compat:
			return doc, fmt.Errorf("%s: %q is null, and the reference stops there: leave compat out to pass over such records", r.Place, key)
		case text != "":
			doc.Texts[i] = h.encode(text, m)
			some = some || len(doc.Texts[i]) > 0 // blanks hold no sentence
		}
	}
	if !some {
		doc.Dropped = "no text"
	}
	return doc, nil
}

// encode is a text's ids with the end of the document: one sequence, or one a sentence where it is to be split.
func (e *encoder) encode(text string, m *Memory) [][]int32 {
	w := e.take()
	defer e.give(w)
	sentences := []string{text}
	if e.Sentences != nil {
		sentences = e.Sentences(text)
	}
	out := make([][]int32, 0, len(sentences))
	for i, s := range sentences {
		w.ids = e.Tokenizer.Encode(w.ids[:0], s, true)
		if i == len(sentences)-1 {
			w.ids = e.end(w.ids)
		}
		out = append(out, m.copy(w.ids))
	}
	return out
}
