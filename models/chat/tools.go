package chat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/models/chat/ordjson"
)

// toolFormat appends what a model is told of its tools to the system text.
type toolFormat func(system string, tools []any) (string, error)

// toolFormats are the ways to describe tools, by the names in template files.
func toolFormats() map[string]toolFormat {
	return map[string]toolFormat{"default": defaultTools, "chatglm3": chatglm3Tools, "glm4": glm4Tools}
}

// withTools is the system text with the description of a JSON list of tools. The reference takes a
// list that it cannot read for none.
func (b *Bound) withTools(system, tools string) (string, error) {
	if b.describe == nil {
		return system, nil
	}
	list, err := parseTools(tools)
	if err == nil && len(list) > 0 {
		if !b.compat {
			unwrap(list)
		}
		var text string
		if text, err = b.describe(system, list); err == nil {
			return text, nil
		}
	}
	if b.compat {
		err = nil
	}
	return system, err
}

func parseTools(tools string) ([]any, error) {
	v, err := ordjson.Parse([]byte(tools))
	if err != nil {
		return nil, fmt.Errorf("tools are not JSON: %w", err)
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("tools are %s, want a list", ordjson.TypeName(v))
	}
	return list, nil
}

// unwrap takes functions out of the form {"type": "function", "function": {...}}.
func unwrap(list []any) {
	for i, v := range list {
		if o, ok := v.(*ordjson.Object); ok {
			if inner, ok := o.Get("function"); ok {
				list[i] = inner
			}
		}
	}
}

// chatglm3Tools writes the list under the sentence that ChatGLM3 was trained with.
func chatglm3Tools(system string, tools []any) (string, error) {
	if system == "" {
		system = "Answer the following questions as best as you can. You have access to the following tools:"
	}
	if _, err := toolNames(tools); err != nil {
		return "", err
	}
	return system + "\n" + ordjson.Indent(tools), nil
}

// glm4Tools writes a section for each tool, as the chat template of GLM-4 does.
func glm4Tools(system string, tools []any) (string, error) {
	if system == "" {
		system = "你是一个名为 ChatGLM 的人工智能助手。你是基于智谱AI训练的语言模型 GLM-4 模型开发的，你的任务是针对用户的问题和要求提供适当的答复和支持。"
	}
	names, err := toolNames(tools)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	text.WriteString(system + "\n\n# 可用工具")
	for i, name := range names {
		text.WriteString("\n\n## " + name + "\n\n" + ordjson.Indent(tools[i]) + "\n在调用上述函数时，请使用 Json 格式表示调用的参数。")
	}
	return text.String(), nil
}

func toolNames(tools []any) ([]string, error) {
	var names []string
	for i, v := range tools {
		t, ok := v.(*ordjson.Object)
		if !ok {
			return nil, fmt.Errorf("tool %d: it is %s, want an object", i, ordjson.TypeName(v))
		}
		name, err := textField(t, "name", true)
		if err != nil {
			return nil, fmt.Errorf("tool %d: %w", i, err)
		}
		names = append(names, name)
	}
	return names, nil
}

// defaultTools describes tools in words, as LLaMA-Factory does for models without a form of their own.
func defaultTools(system string, tools []any) (string, error) {
	var text strings.Builder
	text.WriteString(system)
	text.WriteString("You have access to the following tools:\n")
	var names []string
	for i, t := range tools {
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
