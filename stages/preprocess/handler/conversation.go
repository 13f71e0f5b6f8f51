package handler

import (
	"fmt"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

// conversation is a record in the common form: prompt of an odd number of messages, and its answers.
type conversation struct {
	prompt, answers []chat.Message
	system, tools   string
}

// valid says whether it is one question and n answers.
func (c conversation) valid(n int) bool { return len(c.prompt)%2 == 1 && len(c.answers) == n }

// emptyExchange is what the reference trains on in place of a record that is none.
var emptyExchange = [2]chat.Message{{Role: chat.User}, {Role: chat.Assistant}}

// encodeOne makes the training sample of a conversation.
func (o Options) encodeOne(r record.Record, c conversation) (Document, error) {
	messages := append(c.prompt[:len(c.prompt):len(c.prompt)], c.answers...)
	if !c.valid(1) {
		if !o.Compat {
			return dropped("%d responses, want 1", len(c.answers)), nil
		}
		messages = emptyExchange[:]
	}
	turns, err := o.Template.Encode(messages, c.system, c.tools)
	if err != nil {
		return Document{}, fmt.Errorf("%s: %w", r.Place, err)
	}
	return sample(o.end(o.Template.Flatten(turns))), nil
}

// encodePair makes the chosen and the rejected sample; only the last answer of each is learned.
func (o Options) encodePair(r record.Record, c conversation) (Document, error) {
	if !c.valid(2) {
		if !o.Compat {
			return dropped("%d responses, want a chosen and a rejected one", len(c.answers)), nil
		}
		c.prompt, c.answers = emptyExchange[:1], []chat.Message{emptyExchange[1], emptyExchange[1]}
	}
	var doc Document
	for _, answer := range c.answers {
		turns, err := o.Template.Encode(append(c.prompt[:len(c.prompt):len(c.prompt)], answer), c.system, c.tools)
		if err != nil {
			return doc, fmt.Errorf("%s: %w", r.Place, err)
		}
		ids, labels := o.end(o.Template.Last(turns))
		doc.Sequences = append(doc.Sequences, [][]int32{ids}, [][]int32{ones(len(ids))}, [][]int32{labels})
	}
	return doc, nil
}

var pairFields = []string{
	"chosen_input_ids", "chosen_attention_mask", "chosen_labels",
	"rejected_input_ids", "rejected_attention_mask", "rejected_labels",
}
