package hf

import (
	"fmt"
	"strings"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/chat/jinja"
	"github.com/belay-ml/belay/models/chat/ordjson"
)

// conversation writes messages of data as templates expect them.
func (b *Bound) conversation(messages []chat.Message, system, tools string) (Conversation, error) {
	var c Conversation
	if system != "" {
		c.Messages = append(c.Messages, message("system", system))
	}
	var called []calledFunction // of the last function message, whose results may follow
	for i, m := range messages {
		switch m.Role {
		case chat.User, chat.Assistant:
			c.Messages = append(c.Messages, message(m.Role.String(), m.Content))
		case chat.Function:
			var err error
			var calls []any
			if calls, called, err = b.calls(m.Content, i); err != nil {
				return c, fmt.Errorf("message %d: %w", i, err)
			}
			out := message("assistant", "")
			out.Set("tool_calls", calls)
			c.Messages = append(c.Messages, out)
		case chat.Observation:
			out := message("tool", m.Content)
			if len(called) > 0 {
				out.Set("name", called[0].name)
				if b.ids {
					out.Set("tool_call_id", called[0].id)
				}
				called = called[1:]
			}
			c.Messages = append(c.Messages, out)
		}
	}
	list, err := toolList(tools)
	if list != nil {
		c.Tools = list
	}
	return c, err
}

type calledFunction struct{ name, id string }

// calls reads one call {"name": ..., "arguments": ...} or a list of them.
func (b *Bound) calls(content string, n int) (calls []any, called []calledFunction, err error) {
	v, err := ordjson.Parse([]byte(content))
	if err != nil {
		return nil, nil, fmt.Errorf("function call is not JSON: %w", err)
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for i, e := range list {
		o, ok := e.(*ordjson.Object)
		if !ok {
			return nil, nil, fmt.Errorf("function call is %s, want an object with name and arguments", ordjson.TypeName(e))
		}
		name, _ := o.Get("name")
		text, ok := name.(string)
		arguments, has := o.Get("arguments")
		if !ok || !has {
			return nil, nil, fmt.Errorf("function call has the keys %s, want name (a text) and arguments", strings.Join(o.Keys, ", "))
		}
		function := jinja.NewDict(2)
		function.Set("name", text)
		function.Set("arguments", jinja.FromJSON(arguments))
		call := jinja.NewDict(3)
		call.Set("type", "function")
		call.Set("function", function)
		id := fmt.Sprintf("call%05d", 100*n+i) // nine letters and digits, as Mistral's templates demand
		if b.ids {
			call.Set("id", id)
		}
		calls = append(calls, call)
		called = append(called, calledFunction{text, id})
	}
	return calls, called, nil
}

// toolList reads a JSON list of tools; nil when it is empty.
func toolList(tools string) (any, error) {
	if tools == "" {
		return nil, nil
	}
	v, err := ordjson.Parse([]byte(tools))
	if err != nil {
		return nil, fmt.Errorf("tools are not JSON: %w", err)
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("tools are %s, want a list", ordjson.TypeName(v))
	}
	var out []any
	for i, e := range list {
		o, ok := e.(*ordjson.Object)
		if !ok {
			return nil, fmt.Errorf("tool %d is %s, want an object", i, ordjson.TypeName(e))
		}
		value := jinja.FromJSON(o)
		_, named := o.Get("name")
		_, wrapped := o.Get("function")
		if named && !wrapped {
			w := jinja.NewDict(2)
			w.Set("type", "function")
			w.Set("function", value)
			value = w
		}
		out = append(out, value)
	}
	if out == nil {
		return nil, nil
	}
	return out, nil
}
