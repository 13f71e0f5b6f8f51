package handler

import (
	"fmt"
	"strings"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/chat/ordjson"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

func mossKind() Kind {
	return Kind{
		Style: "moss", Reference: "MOSSInstructionHandler",
		Doc:         "MOSS conversations under fixed headings, one sample for each round with all rounds before it",
		Instruction: true,
		New: func(o Options) (Handler, error) {
			o.AppendEOD = o.AppendEOD && !o.Compat // the reference ignores it here
			return moss{newEncoder(o)}, nil
		},
	}
}

func mossMultiTurnKind() Kind {
	return Kind{
		Style: "moss_multiturn", Reference: "MOSSMultiTurnHandler",
		Doc:         "MOSS conversations with Baichuan's ids for the speakers (195, 196), one sample each",
		Instruction: true,
		New: func(o Options) (Handler, error) {
			if n := o.Tokenizer.VocabSize(); n <= baichuanAssistant {
				return nil, fmt.Errorf("style moss_multiturn writes the ids %d and %d for the speakers, and the tokenizer has %d", baichuanUser, baichuanAssistant, n)
			}
			return mossMultiTurn{newEncoder(o)}, nil
		},
	}
}

// rounds reads the questions and answers of a chat column, without MOSS's markers.
func rounds(r record.Record) ([][2]string, error) {
	v, _ := r.Fields.Get("chat")
	turns, ok := v.(*ordjson.Object)
	if !ok {
		return nil, fmt.Errorf("%s: \"chat\" is %s, want an object of turns", r.Place, ordjson.TypeName(v))
	}
	var out [][2]string
	for i, key := range turns.Keys {
		if turns.Values[i] == nil {
			continue
		}
		turn, ok := turns.Values[i].(*ordjson.Object)
		if !ok {
			return nil, fmt.Errorf("%s: %s of \"chat\" is %s, want an object", r.Place, key, ordjson.TypeName(turns.Values[i]))
		}
		human, _ := turn.Get("Human")
		answer, _ := turn.Get("MOSS")
		q, okQ := human.(string)
		a, okA := answer.(string)
		if !okQ || !okA {
			return nil, fmt.Errorf("%s: %s of \"chat\" has the fields %s, want texts in Human and MOSS", r.Place, key, strings.Join(turn.Keys, ", "))
		}
		q = strings.ReplaceAll(strings.ReplaceAll(q, "<eoh>", ""), "<|Human|>: ", "")
		a = strings.ReplaceAll(strings.ReplaceAll(a, "<|MOSS|>:", ""), "<eom>", "")
		out = append(out, [2]string{strings.TrimSpace(q), strings.TrimSpace(a)})
	}
	return out, nil
}

// moss writes a sequence for each round.
type moss struct{ *encoder }

func (moss) Fields() []string  { return instructionFields }
func (moss) Columns() []string { return []string{"chat"} }

func (h moss) Encode(r record.Record, m *Memory) (Document, error) {
	all, err := rounds(r)
	if err != nil {
		return Document{}, err
	}
	if len(all) == 0 {
		return Document{Dropped: "no messages"}, nil
	}
	w := h.take()
	defer h.give(w)
	doc := Document{Samples: m.samples(len(all))}
	for _, round := range all {
		w.messages = append(w.messages, chat.Message{Role: chat.User, Content: round[0]}, chat.Message{Role: chat.Assistant, Content: round[1]})
		ids, n := h.headings(w, w.messages)
		doc.Samples = append(doc.Samples, w.learnAfter(m, ids, n))
	}
	return doc, nil
}

// mossMultiTurn writes a conversation with the ids that Baichuan gives its speakers.
type mossMultiTurn struct{ *encoder }

const (
	baichuanUser      = 195
	baichuanAssistant = 196
)

func (mossMultiTurn) Fields() []string  { return instructionFields }
func (mossMultiTurn) Columns() []string { return []string{"chat"} }

func (h mossMultiTurn) Encode(r record.Record, m *Memory) (Document, error) {
	all, err := rounds(r)
	if err != nil {
		return Document{}, err
	}
	if len(all) == 0 {
		return Document{Dropped: "no messages"}, nil
	}
	w := h.take()
	defer h.give(w)
	ids, labels := w.ids[:0], w.labels[:0]
	// The reference puts the tokenizer's own bos and eos around every text.
	special := h.Compat
	for i, round := range all {
		before := len(ids)
		ids = h.Tokenizer.Encode(append(ids, baichuanUser), round[0], special)
		ids = append(ids, baichuanAssistant)
		question := len(ids) - before
		if i > 0 || h.Compat { // an answer came before
			labels = labels.Own(h.EOD)
			question--
		}
		labels = labels.Ignore(question)
		before = len(ids)
		ids = h.Tokenizer.Encode(ids, round[1], special)
		labels = labels.Learn(len(ids) - before)
	}
	ids, labels = append(ids, h.EOD), labels.Learn(1)
	w.ids, w.labels = ids, labels
	return Document{Samples: append(m.samples(1), m.sample(ids, labels))}, nil
}
