package chat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/models/chat/ordjson"
)

// toolText describes a JSON list of tools in the words that the default format uses.
func (b *Bound) toolText(tools string) (string, error) {
	if tools == "" || b.t.Tools == "none" {
		return "", nil
	}
	text, err := defaultToolText(tools)
	if err != nil && b.compat {
		return "", nil
	}
	return text, err
}

func defaultToolText(tools string) (string, error) {
	v, err := ordjson.Parse([]byte(tools))
	if err != nil {
		return "", fmt.Errorf("tools are not JSON: %w", err)
	}
	list, ok := v.([]any)
	if !ok {
		return "", fmt.Errorf("tools are %s, want a list", ordjson.TypeName(v))
	}
	if len(list) == 0 {
		return "", nil
	}
	var text strings.Builder
	text.WriteString("You have access to the following tools:\n")
	var names []string
	for i, t := range list {
		name, err := oneTool(&text, t)
		if err != nil {
			return "", fmt.Errorf("tool %d: %w", i, err)
		}
		names = append(names, name)
	}
	fmt.Fprintf(&text, "Use the following format if using a tool:\n```\nAction: tool name (one of [%s]).\n", strings.Join(names, ", "))
	text.WriteString("Action Input: the input to the tool, in a JSON format representing the kwargs (e.g. ```{\"input\": \"hello world\", \"num_beams\": 5}```).\n```\n")
	return text.String(), nil
}

func oneTool(text *strings.Builder, v any) (name string, err error) {
	t, ok := v.(*ordjson.Object)
	if !ok {
		return "", fmt.Errorf("it is %s, want an object", ordjson.TypeName(v))
	}
	if name, err = textField(t, "name", true); err != nil {
		return "", err
	}
	desc, err := textField(t, "description", false)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(text, "> Tool Name: %s\nTool Description: %s\nTool Args:\n", name, desc)
	params, err := objectField(t, "parameters")
	if err != nil {
		return "", err
	}
	properties, err := objectField(params, "properties")
	if err != nil {
		return "", err
	}
	required, _ := params.Get("required")
	must, _ := required.([]any)
	for i, key := range properties.Keys {
		p, ok := properties.Values[i].(*ordjson.Object)
		if !ok {
			return "", fmt.Errorf("parameter %s is %s, want an object", key, ordjson.TypeName(properties.Values[i]))
		}
		if err := oneParameter(text, key, p, slices.Contains(must, any(key))); err != nil {
			return "", fmt.Errorf("parameter %s: %w", key, err)
		}
	}
	text.WriteString("\n")
	return name, nil
}

func oneParameter(text *strings.Builder, key string, p *ordjson.Object, required bool) error {
	kind, err := textField(p, "type", false)
	if err != nil {
		return err
	}
	desc, err := textField(p, "description", false)
	if err != nil {
		return err
	}
	fmt.Fprintf(text, "  - %s (%s", key, kind)
	if required {
		text.WriteString(", required")
	}
	fmt.Fprintf(text, "): %s", desc)
	if v, _ := p.Get("enum"); v != nil {
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("enum is %s, want a list", ordjson.TypeName(v))
		}
		var words []string
		for _, e := range list {
			w, ok := e.(string)
			if !ok {
				return fmt.Errorf("enum holds %s, want texts", ordjson.TypeName(e))
			}
			words = append(words, w)
		}
		if len(words) > 0 {
			fmt.Fprintf(text, ", should be one of [%s]", strings.Join(words, ", "))
		}
	}
	if v, _ := p.Get("items"); v != nil {
		items, ok := v.(*ordjson.Object)
		if !ok {
			return fmt.Errorf("items is %s, want an object", ordjson.TypeName(v))
		}
		if len(items.Keys) > 0 {
			kind, err := textField(items, "type", false)
			if err != nil {
				return err
			}
			fmt.Fprintf(text, ", where each item should be %s", kind)
		}
	}
	text.WriteString("\n")
	return nil
}

func textField(o *ordjson.Object, key string, required bool) (string, error) {
	v, ok := o.Get(key)
	if !ok && !required {
		return "", nil
	}
	s, isText := v.(string)
	if !isText {
		return "", fmt.Errorf("%s is %s, want a text", key, ordjson.TypeName(v))
	}
	return s, nil
}

func objectField(o *ordjson.Object, key string) (*ordjson.Object, error) {
	v, _ := o.Get(key)
	out, ok := v.(*ordjson.Object)
	if !ok {
		return nil, fmt.Errorf("%s is %s, want an object", key, ordjson.TypeName(v))
	}
	return out, nil
}
