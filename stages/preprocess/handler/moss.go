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
		New:         func(o Options) (Handler, error) { return moss{o}, nil },
	}
}

func mossMultiTurnKind() Kind {
	return Kind{
		Style: "moss_multiturn", Reference: "MOSSMultiTurnHandler",
		Doc:         "MOSS conversations with Baichuan's ids for the speakers (195, 196), one sample each",
		Instruction: true,
		New:         func(o Options) (Handler, error) { return mossMultiTurn{o}, nil },
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
type moss struct{ Options }

func (moss) Fields() []string  { return instructionFields }
func (moss) Columns() []string { return []string{"chat"} }

func (h moss) Encode(r record.Record) (Document, error) {
	all, err := rounds(r)
	if err != nil {
		return Document{}, err
	}
	if len(all) == 0 {
		return dropped("no messages"), nil
	}
	doc := Document{Sequences: make([][][]int32, 3)}
	var messages []chat.Message
	for _, round := range all {
		messages = append(messages, chat.Message{Role: chat.User, Content: round[0]}, chat.Message{Role: chat.Assistant, Content: round[1]})
		ids, labels := h.headings(messages)
		if !h.Compat { // the reference ignores --append-eod here
			ids, labels = h.end(ids, labels)
		}
		for i, s := range [][]int32{ids, ones(len(ids)), labels} {
			doc.Sequences[i] = append(doc.Sequences[i], s)
		}
	}
	return doc, nil
}

// mossMultiTurn writes a conversation with the ids that Baichuan gives its speakers.
type mossMultiTurn struct{ Options }

const (
	baichuanUser      = 195
	baichuanAssistant = 196
)

func (mossMultiTurn) Fields() []string  { return instructionFields }
func (mossMultiTurn) Columns() []string { return []string{"chat"} }

func (h mossMultiTurn) Encode(r record.Record) (Document, error) {
	all, err := rounds(r)
	if err != nil {
		return Document{}, err
	}
	if len(all) == 0 {
		return dropped("no messages"), nil
	}
	var ids, labels []int32
	for _, round := range all {
		user := h.Tokenizer.Encode(nil, round[0], true)
		answer := h.Tokenizer.Encode(nil, round[1], true)
		ids = append(append(append(append(ids, baichuanUser), user...), baichuanAssistant), answer...)
		labels = append(labels, h.EOD)
		for range len(user) + 1 {
			labels = append(labels, chat.Ignored)
		}
		labels = append(labels, answer...)
	}
	return sample(append(ids, h.EOD), append(labels, h.EOD)), nil
}
