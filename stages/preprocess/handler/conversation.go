package handler

import (
	"fmt"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

// conversation is a record in the common form: the messages of the prompt, an odd number, and behind
// them the answers.
type conversation struct {
	messages      []chat.Message
	answers       int
	system, tools string
}

// prompt are the messages before the answers.
func (c *conversation) prompt() []chat.Message { return c.messages[:len(c.messages)-c.answers] }

// valid says whether it is one question and n answers.
func (c *conversation) valid(n int) bool { return len(c.prompt())%2 == 1 && c.answers == n }

// emptyExchange is what the reference trains on in place of a record that is none.
var emptyExchange = [3]chat.Message{{Role: chat.User}, {Role: chat.Assistant}, {Role: chat.Assistant}}

// converse encodes what read makes of a record, unless that has a reason to leave it out.
func (e *encoder) converse(
	r record.Record, m *Memory, read func(record.Record, *conversation) (why string, err error),
	encode func(record.Record, *Memory, *conversation, *work) (Document, error),
) (Document, error) {
	w := e.take()
	defer e.give(w)
	c := &w.conversation
	c.messages = c.messages[:0]
	switch why, err := read(r, c); {
	case err != nil:
		return Document{}, err
	case why != "":
		return Document{Dropped: why}, nil
	}
	return encode(r, m, c, w)
}

// encodeOne makes the training sample of a conversation.
func (e *encoder) encodeOne(r record.Record, m *Memory, c *conversation, w *work) (Document, error) {
	messages := c.messages
	if !c.valid(1) {
		if !e.Compat {
			return dropped("%d responses, want 1", c.answers), nil
		}
		messages = emptyExchange[:2]
	}
	d := &w.dialogue
	if err := e.Template.Encode(d, messages, c.system, c.tools); err != nil {
		return Document{}, fmt.Errorf("%s: %w", r.Place, err)
	}
	e.finish(d)
	w.labels = e.Template.AppendLabels(w.labels[:0], d, e.Learn)
	return Document{Samples: append(m.samples(1), m.sample(d.IDs, w.labels)), Cut: d.Cut}, nil
}

// finish ends the document, unless the answer is cut, and so has no end to learn, or fills the limit.
func (e *encoder) finish(d *chat.Dialogue) {
	if limit := e.Template.Room(); !d.Cut && (limit == 0 || len(d.IDs) < limit) {
		d.IDs = e.end(d.IDs)
	}
}

// encodePair makes the chosen and the rejected sample; only the last answer of each is learned.
func (e *encoder) encodePair(r record.Record, m *Memory, c *conversation, w *work) (Document, error) {
	messages := c.messages
	if !c.valid(2) {
		if !e.Compat {
			return dropped("%d responses, want a chosen and a rejected one", c.answers), nil
		}
		messages = append(c.messages[:0], emptyExchange[:]...)
	}
	doc := Document{Samples: m.samples(2)}
	last := len(messages) - 2 // where the chosen answer stands, and then the rejected one
	d := &w.dialogue
	for i := range 2 {
		messages[last] = messages[last+i]
		if err := e.Template.Encode(d, messages[:last+1], c.system, c.tools); err != nil {
			return doc, fmt.Errorf("%s: %w", r.Place, err)
		}
		e.finish(d)
		w.labels = e.Template.AppendLabels(w.labels[:0], d, chat.LastAnswer)
		doc.Samples = append(doc.Samples, m.sample(d.IDs, w.labels))
	}
	return doc, nil
}

var pairFields = []string{
	"chosen_input_ids", "chosen_attention_mask", "chosen_labels",
	"rejected_input_ids", "rejected_attention_mask", "rejected_labels",
}
