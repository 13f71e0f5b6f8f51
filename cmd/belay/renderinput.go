package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/chat/hf"
	"github.com/belay-ml/belay/models/chat/jinja"
	"github.com/belay-ml/belay/models/chat/ordjson"
	"github.com/belay-ml/belay/models/chat/show"
	"github.com/belay-ml/belay/models/tok"
)

// dialogue is a conversation as JSON.
type dialogue struct {
	messages []any
	tools    []any
	vars     []jinja.Var // further members, which a Jinja template sees as variables
}

// readConversations reads lists of messages, or objects with them, one after the other. A system text goes before each.
func readConversations(text []byte, system string) ([]dialogue, error) {
	var all []dialogue
	for at := 0; len(bytes.TrimSpace(text[at:])) > 0; {
		v, n, err := ordjson.ParsePrefix(text[at:])
		if err != nil {
			var bad *ordjson.Error
			if errors.As(err, &bad) {
				bad.Offset += at
				line := 1 + bytes.Count(text[:min(bad.Offset, len(text))], []byte("\n"))
				return nil, fmt.Errorf("line %d: not JSON: %w", line, err)
			}
			return nil, err
		}
		d, err := newDialogue(v)
		if err == nil && system != "" {
			err = d.addSystem(system)
		}
		if err != nil {
			return nil, fmt.Errorf("conversation %d: %w", len(all)+1, err)
		}
		all = append(all, d)
		at += n
	}
	if len(all) == 0 {
		return nil, errors.New("there are none")
	}
	return all, nil
}

func newDialogue(v any) (d dialogue, err error) {
	if o, ok := v.(*ordjson.Object); ok {
		for i, k := range o.Keys {
			switch k {
			case "messages":
				v = o.Values[i]
			case "tools":
				if o.Values[i] == nil {
					continue
				}
				if d.tools, ok = o.Values[i].([]any); !ok {
					return d, fmt.Errorf("tools are %s, want a list", ordjson.TypeName(o.Values[i]))
				}
			default:
				d.vars = append(d.vars, jinja.Var{Name: k, Value: jinja.FromJSON(o.Values[i])})
			}
		}
		if v == any(o) {
			return d, fmt.Errorf("it has the members %s, want messages", strings.Join(o.Keys, ", "))
		}
	}
	list, ok := v.([]any)
	if !ok {
		return d, fmt.Errorf("messages are %s, want a list", ordjson.TypeName(v))
	}
	for i, m := range list {
		if _, ok := m.(*ordjson.Object); !ok {
			return d, fmt.Errorf("message %d is %s, want an object with role and content", i, ordjson.TypeName(m))
		}
	}
	d.messages = list
	return d, nil
}

func (d *dialogue) setTools(text []byte) error {
	v, err := ordjson.Parse(text)
	if err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	var ok bool
	if d.tools, ok = v.([]any); !ok {
		return fmt.Errorf("it is %s, want a list of tools", ordjson.TypeName(v))
	}
	return nil
}

func (d *dialogue) addSystem(text string) error {
	if len(d.messages) > 0 && word(d.messages[0], "role") == "system" {
		return errors.New("it begins with a system message, and --system gives another")
	}
	m := &ordjson.Object{}
	m.Set("role", "system")
	m.Set("content", text)
	d.messages = append([]any{m}, d.messages...)
	return nil
}

func word(m any, key string) string {
	o, _ := m.(*ordjson.Object)
	v, _ := o.Get(key)
	s, _ := v.(string)
	return s
}

func (d dialogue) conversation() hf.Conversation {
	c := hf.Conversation{Vars: d.vars, Messages: []any{}}
	for _, m := range d.messages {
		c.Messages = append(c.Messages, jinja.FromJSON(m))
	}
	if len(d.tools) > 0 {
		c.Tools = jinja.FromJSON(d.tools)
	}
	return c
}

// own renders with a Jinja template. The messages go to it as they are.
func (d dialogue) own(ctx context.Context, t tok.Tokenizer, r *hf.Renderer, generate bool) (show.Sample, error) {
	c := d.conversation()
	text, spans, err := r.Trained(ctx, c)
	if err != nil {
		return show.Sample{}, err
	}
	if generate {
		whole, _, err := r.Render(ctx, c, true)
		if err != nil {
			return show.Sample{}, err
		}
		if !strings.HasPrefix(whole, text) {
			spans = nil
		}
		text = whole
	}
	return show.FromText(t, text, spans)
}

// named renders with a named template, which knows rounds of a question and an answer.
func (d dialogue) named(f chat.Format, generate bool) (show.Sample, error) {
	system, messages, err := d.rounds()
	if err != nil {
		return show.Sample{}, err
	}
	tools := ""
	if len(d.tools) > 0 {
		tools = ordjson.Dump(d.tools)
	}
	switch asks := len(messages)%2 == 1; {
	case asks && !generate:
		return show.Sample{}, errors.New("the last message is no answer: a named template always goes on to where the model answers, which --add-generation-prompt asks for")
	case asks:
		ids, err := f.Prompt(messages, system, tools)
		if err != nil {
			return show.Sample{}, err
		}
		return show.FromIDs(f.Tokenizer(), ids, nil), nil
	case generate:
		return show.Sample{}, errors.New("--add-generation-prompt: the last message is an answer, and a named template does not go on behind it")
	}
	var out chat.Dialogue
	if err := f.Encode(&out, messages, system, tools); err != nil {
		return show.Sample{}, err
	}
	labels := slices.Clone(out.IDs)
	if err := f.AppendLabels(nil, &out, chat.Answers).Apply(labels); err != nil {
		return show.Sample{}, err
	}
	return show.FromIDs(f.Tokenizer(), out.IDs, labels), nil
}

// rounds are the messages in the form of named templates.
func (d dialogue) rounds() (system string, messages []chat.Message, err error) {
	for i, m := range d.messages {
		role, content := word(m, "role"), word(m, "content")
		o := m.(*ordjson.Object)
		out := chat.Message{Content: content}
		switch role {
		case "system":
			if i > 0 {
				return "", nil, fmt.Errorf("message %d is a system message: named templates have one before all others", i)
			}
			system = content
			continue
		case "user":
			out.Role = chat.User
		case "tool", "observation":
			out.Role = chat.Observation
		case "assistant":
			out.Role = chat.Assistant
			if calls, _ := o.Get("tool_calls"); calls != nil {
				list, _ := calls.([]any)
				if len(list) != 1 {
					return "", nil, fmt.Errorf("message %d: a named template writes one tool call a message", i)
				}
				call, _ := list[0].(*ordjson.Object)
				if call == nil {
					call = &ordjson.Object{}
				}
				function, ok := call.Get("function")
				if !ok {
					function = call
				}
				out.Role, out.Content = chat.Function, ordjson.Dump(function)
			}
		default:
			return "", nil, fmt.Errorf("message %d has the role %q, want system, user, assistant or tool", i, role)
		}
		if asks := out.Role == chat.User || out.Role == chat.Observation; asks != (len(messages)%2 == 0) {
			return "", nil, fmt.Errorf("message %d (%s) is out of turn: named templates want questions and answers by turns", i, role)
		}
		messages = append(messages, out)
	}
	if len(messages) == 0 {
		return "", nil, errors.New("there is no message to answer")
	}
	return system, messages, nil
}
