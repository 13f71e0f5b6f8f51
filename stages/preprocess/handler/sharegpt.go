package handler

import (
	"fmt"
	"slices"
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
			m, err := o.mapColumns(mapping{"messages": "conversations", "system": "", "tools": ""})
			if err != nil {
				return nil, err
			}
			t, err := newTags(o.Tags)
			return sharegpt{o, m, t}, err
		},
	}
}

func sharegptPairwiseKind() Kind {
	return Kind{
		Style: "sharegpt_pairwise", Reference: "SharegptStylePairwiseHandler",
		Doc:       "conversations of tagged messages with a chosen and a rejected answer, for preference training",
		Templated: true, Instruction: true, Pairs: true, Tagged: true,
		New: func(o Options) (Handler, error) {
			m, err := o.mapColumns(mapping{"messages": "conversations", "chosen": "chosen", "rejected": "rejected", "system": "system", "tools": ""})
			if err != nil {
				return nil, err
			}
			t, err := newTags(o.Tags)
			return sharegptPairwise{sharegpt{o, m, t}}, err
		},
	}
}

// tags are the words that name fields and speakers in a conversation.
type tags struct {
	role, content string
	system        string
	speakers      map[string]chat.Role
}

// newTags reads tags; as in the reference, giving some leaves the others unset.
func newTags(given map[string]string) (tags, error) {
	known := []string{"role_tag", "content_tag", "user_tag", "assistant_tag", "observation_tag", "function_tag", "system_tag"}
	if len(given) == 0 {
		given = map[string]string{
			"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt",
			"observation_tag": "observation", "function_tag": "function_call", "system_tag": "system",
		}
	}
	for tag := range given {
		if !slices.Contains(known, tag) {
			return tags{}, fmt.Errorf("tags: unknown tag %q, want %s", tag, strings.Join(known, ", "))
		}
	}
	t := tags{role: given["role_tag"], content: given["content_tag"], system: given["system_tag"], speakers: map[string]chat.Role{}}
	if t.role == "" || t.content == "" {
		return t, fmt.Errorf("tags: role_tag and content_tag must be given")
	}
	for tag, role := range map[string]chat.Role{"user_tag": chat.User, "assistant_tag": chat.Assistant, "observation_tag": chat.Observation, "function_tag": chat.Function} {
		if given[tag] != "" {
			t.speakers[given[tag]] = role
		}
	}
	return t, nil
}

// sharegpt reads whole conversations.
type sharegpt struct {
	Options
	columns mapping
	tags    tags
}

func (h sharegpt) Fields() []string  { return instructionFields }
func (h sharegpt) Columns() []string { return h.columns.columns("messages", "system", "tools") }

func (h sharegpt) Encode(r record.Record) (Document, error) {
	c, messages, why, err := h.conversation(r)
	switch {
	case err != nil:
		return Document{}, err
	case why != "":
		return dropped("%s", why), nil
	case len(messages)%2 != 0:
		return dropped("odd number of messages"), nil
	}
	last := len(messages) - 1
	c.prompt, c.answers = messages[:last], messages[last:]
	return h.encodeOne(r, c)
}

// conversation reads system, tools and the messages after a system message. why is a reason to leave
// the record out.
func (h sharegpt) conversation(r record.Record) (c conversation, messages []chat.Message, why string, err error) {
	v, _ := r.Fields.Get(h.columns["messages"])
	list, ok := v.([]any)
	if !ok && v != nil {
		return c, nil, "", fmt.Errorf("%s: %q is %s, want a list of messages", r.Place, h.columns["messages"], ordjson.TypeName(v))
	}
	if len(list) == 0 {
		if h.Compat {
			return c, nil, "", fmt.Errorf("%s: %q is empty, and the reference stops there", r.Place, h.columns["messages"])
		}
		return c, nil, "no messages", nil
	}
	if c.system, err = h.columns.text(r, "system"); err != nil {
		return c, nil, "", err
	}
	if c.tools, err = h.columns.text(r, "tools"); err != nil {
		return c, nil, "", err
	}
	for i, e := range list {
		who, text, err := h.message(r, i, e)
		if err != nil {
			return c, nil, "", err
		}
		if i == 0 && h.tags.system != "" && who == h.tags.system {
			c.system = text
			continue
		}
		role, ok := h.tags.speakers[who]
		if !ok {
			return c, nil, "", fmt.Errorf("%s: message %d is from %q, want %s", r.Place, i, who, h.tags.words())
		}
		asks := role == chat.User || role == chat.Observation
		if asks != (len(messages)%2 == 0) && why == "" {
			why = "messages out of turn"
		}
		messages = append(messages, chat.Message{Role: role, Content: text})
	}
	if len(messages) == 0 {
		why = "only a system message"
	}
	return c, messages, why, nil
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

func (t tags) words() string {
	var words []string
	for w := range t.speakers {
		words = append(words, w)
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}

// sharegptPairwise reads conversations that end with a user's message and have two answers.
type sharegptPairwise struct{ sharegpt }

func (h sharegptPairwise) Fields() []string { return pairFields }
func (h sharegptPairwise) Columns() []string {
	return h.columns.columns("messages", "chosen", "rejected", "system", "tools")
}

func (h sharegptPairwise) Encode(r record.Record) (Document, error) {
	c, messages, why, err := h.conversation(r)
	switch {
	case err != nil:
		return Document{}, err
	case why != "":
		return dropped("%s", why), nil
	case len(messages)%2 != 1:
		return dropped("even number of messages before the answers"), nil
	}
	c.prompt = messages
	for i, role := range []string{"chosen", "rejected"} {
		v, _ := r.Fields.Get(h.columns[role])
		who, text, err := h.message(r, len(messages)+i, v)
		if err != nil {
			return Document{}, err
		}
		speaker, ok := h.tags.speakers[who]
		if !ok {
			return Document{}, fmt.Errorf("%s: %q is from %q, want %s", r.Place, h.columns[role], who, h.tags.words())
		}
		if i == 1 && h.Compat {
			speaker = c.answers[0].Role // the reference takes both roles from the chosen answer
		}
		c.answers = append(c.answers, chat.Message{Role: speaker, Content: text})
	}
	return h.encodePair(r, c)
}
