package handler

import (
	"fmt"
	"strings"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/chat/ordjson"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

func sharegptKind() Kind {
	return Kind{
		Style: "sharegpt", Reference: "SharegptStyleInstructionHandler",
		Doc:       "conversations of tagged messages, with optional system and tools, through a prompt template",
		Templated: true, Instruction: true, Tagged: true,
		New: func(o Options) (Handler, error) {
			h, err := newSharegpt(o, map[string]string{"messages": "conversations", "system": "", "tools": ""})
			return h, err
		},
	}
}

// sharegpt reads whole conversations.
type sharegpt struct {
	*encoder
	columns mapping
	tags    tags
}

func newSharegpt(o Options, columns map[string]string) (sharegpt, error) {
	m, err := o.mapColumns(columns, "system", "tools")
	if err != nil {
		return sharegpt{}, err
	}
	t, err := o.newTags()
	return sharegpt{newEncoder(o), m, t}, err
}

func (h sharegpt) Fields() []string   { return instructionFields }
func (h sharegpt) Optional() []string { return h.columns.optional() }
func (h sharegpt) Columns() []string  { return h.columns.columns("messages", "system", "tools") }

func (h sharegpt) Encode(r record.Record, m *Memory) (Document, error) {
	return h.converse(r, m, h.whole, h.encodeOne)
}

// whole reads a conversation of which the last message is the answer.
func (h sharegpt) whole(r record.Record, c *conversation) (why string, err error) {
	c.answers = 1
	if why, err = h.read(r, c); err == nil && why == "" && len(c.messages)%2 != 0 {
		why = "odd number of messages"
	}
	return why, err
}

// read reads system, tools and the messages after a system message. why is a reason to leave the
// record out.
func (h sharegpt) read(r record.Record, c *conversation) (why string, err error) {
	v, column := h.columns.value(r, "messages")
	list, ok := v.([]any)
	if !ok && v != nil {
		return "", fmt.Errorf("%s: %q is %s, want a list of messages", r.Place, column, ordjson.TypeName(v))
	}
	if len(list) == 0 {
		if h.Compat {
			return "", fmt.Errorf("%s: %q is empty, and the reference stops there: leave compat out to pass over such records", r.Place, column)
		}
		return "no messages", nil
	}
	if c.system, err = h.columns.text(r, "system"); err != nil {
		return "", err
	}
	if c.tools, err = h.toolList(r); err != nil {
		return "", err
	}
	for i, e := range list {
		who, text, err := h.message(r, i, e)
		if err != nil {
			return "", err
		}
		role, ok := h.tags.speakers[who]
		switch {
		case ok:
		case h.tags.system == "" || who != h.tags.system:
			return "", fmt.Errorf("%s: message %d is from %q, want one of %s (tags names other words)", r.Place, i, who, h.tags.list())
		case i == 0:
			c.system = text
			continue
		default:
			why = "a system message that is not the first"
		}
		asks := role == chat.User || role == chat.Observation
		if asks != (len(c.messages)%2 == 0) && why == "" {
			why = "messages out of turn"
		}
		c.messages = append(c.messages, chat.Message{Role: role, Content: text})
	}
	if len(c.messages) == 0 {
		why = "only a system message"
	}
	return why, nil
}

// toolList is the JSON text of the tools, which may also stand there as a list.
func (h sharegpt) toolList(r record.Record) (string, error) {
	v, _ := h.columns.value(r, "tools")
	if list, ok := v.([]any); ok && !h.Compat {
		if len(list) == 0 {
			return "", nil
		}
		return ordjson.Dump(list), nil
	}
	return h.columns.text(r, "tools")
}

func (h sharegpt) message(r record.Record, i int, v any) (who, text string, err error) {
	o, ok := v.(*ordjson.Object)
	if !ok {
		return "", "", fmt.Errorf("%s: message %d is %s, want an object", r.Place, i, ordjson.TypeName(v))
	}
	role, _ := o.Get(h.tags.role)
	content, _ := o.Get(h.tags.content)
	who, okWho := role.(string)
	text, okText := content.(string)
	if !okWho || !okText {
		return "", "", fmt.Errorf("%s: message %d has the fields %s, want texts in %q and %q", r.Place, i, strings.Join(o.Keys, ", "), h.tags.role, h.tags.content)
	}
	return who, text, nil
}
