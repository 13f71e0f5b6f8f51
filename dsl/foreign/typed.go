package foreign

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/engine/param"
)

// expression is a value that the recipe writes as ${...}.
type expression string

// typed reads the words of a command line as a field's type. why says what is wrong with them.
func typed(f *param.Field, texts []string) (v any, why string) {
	if f.Type == param.List {
		items := []any{}
		for _, t := range texts {
			item, why := typed(f.Elem, []string{t})
			if why != "" {
				return nil, why
			}
			items = append(items, item)
		}
		return items, ""
	}
	if len(texts) == 0 {
		if f.Type == param.Bool {
			return true, ""
		}
		return nil, fmt.Sprintf("%s wants %s, and nothing is given", f.Name, f.Want())
	}
	if len(texts) > 1 {
		return nil, fmt.Sprintf("%s takes one value, %d are given", f.Name, len(texts))
	}
	text := texts[0]
	switch f.Type {
	case param.Int:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, ""
		}
	case param.Float:
		if x, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(x, 0) && !math.IsNaN(x) {
			return x, ""
		}
	case param.Bool:
		switch strings.ToLower(text) {
		case "true", "1":
			return true, ""
		case "false", "0":
			return false, ""
		}
	case param.Map, param.Object, param.Any:
		var m map[string]any
		if err := json.Unmarshal([]byte(text), &m); err == nil && m != nil {
			return m, ""
		}
	default:
		return text, ""
	}
	return nil, fmt.Sprintf("%s wants %s, have %q", f.Name, f.Want(), text)
}

// paramType is the recipe's word for a field's type.
func paramType(t param.Type) string {
	switch t {
	case param.Int:
		return "int"
	case param.Float:
		return "float"
	case param.Bool:
		return "bool"
	case param.List:
		return "list"
	case param.Map, param.Object, param.Any, param.InputMap:
		return "map"
	case param.Input, param.Inputs:
		return "path"
	}
	return "string"
}

// put sets a value by its path, making maps on the way.
func put(m map[string]any, path string, v any) {
	for {
		head, rest, nested := strings.Cut(path, ".")
		if !nested {
			m[head] = v
			return
		}
		inner, ok := m[head].(map[string]any)
		if !ok {
			inner = map[string]any{}
			m[head] = inner
		}
		m, path = inner, rest
	}
}

// take is the value at a path.
func take(m map[string]any, path string) (any, bool) {
	for {
		head, rest, nested := strings.Cut(path, ".")
		v, ok := m[head]
		if !nested || !ok {
			return v, ok
		}
		if m, ok = v.(map[string]any); !ok {
			return nil, false
		}
		path = rest
	}
}

// drop removes the value at a path, and the map around it that it leaves empty.
func drop(m map[string]any, path string) {
	head, rest, nested := strings.Cut(path, ".")
	inner, ok := m[head].(map[string]any)
	if !nested || !ok {
		delete(m, head)
		return
	}
	if drop(inner, rest); len(inner) == 0 {
		delete(m, head)
	}
}
