package key

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/engine/param"
	"github.com/belay-ml/belay/engine/secret"
)

// Params gives normalised parameter values as canonical text by path: "lora.r" -> "8". Inputs, unkeyed
// parameters and secrets are left out.
func Params(s param.Schema, values map[string]any) (map[string]string, error) {
	out := map[string]string{}
	if err := object(out, "", s.Fields, values); err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return out, nil
}

func object(out map[string]string, prefix string, fields []param.Field, values map[string]any) error {
	for i := range fields {
		f := &fields[i]
		v, given := values[f.Name]
		if !given || f.Class != param.Keyed || f.Type.IsInput() {
			continue
		}
		if err := value(out, Path(prefix, f.Name), f, v); err != nil {
			return err
		}
	}
	return nil
}

// value writes v below path. f may be nil, inside values of no declared type.
func value(out map[string]string, path string, f *param.Field, v any) error {
	switch x := v.(type) {
	case map[string]any:
		if f != nil && f.Type == param.Object {
			return object(out, path, f.Fields, x)
		}
		if len(x) == 0 {
			out[path] = "{}"
		}
		for k, item := range x {
			if err := value(out, Path(path, k), elem(f), item); err != nil {
				return err
			}
		}
		return nil
	case []any:
		if len(x) == 0 {
			out[path] = "[]"
		}
		for i, item := range x {
			if err := value(out, Index(path, i), elem(f), item); err != nil {
				return err
			}
		}
		return nil
	}
	text, ok := scalar(v)
	if !ok {
		return fmt.Errorf("parameter %s: %T has no canonical form", path, v)
	}
	out[path] = text
	return nil
}

func elem(f *param.Field) *param.Field {
	if f == nil {
		return nil
	}
	return f.Elem
}

// scalar is the one text of a value. Numbers of type float always carry a point or an exponent.
func scalar(v any) (string, bool) {
	switch x := v.(type) {
	case nil:
		return "null", true
	case bool:
		return strconv.FormatBool(x), true
	case string:
		return strconv.QuoteToASCII(x), true
	case int64:
		return strconv.FormatInt(x, 10), true
	case secret.Text:
		return "secret " + strconv.QuoteToASCII(x.Keyed()), true
	case float64:
		if x == 0 {
			return "0.0", true // negative zero too
		}
		s := strconv.FormatFloat(x, 'g', -1, 64)
		if math.Trunc(x) == x && !strings.ContainsAny(s, ".eI") {
			s += ".0"
		}
		return s, true
	}
	return "", false
}

// Path is the path of name below prefix. Names that could be mistaken for paths are quoted.
func Path(prefix, name string) string {
	if name == "" || strings.ContainsAny(name, ".[]\"") {
		name = strconv.QuoteToASCII(name)
	}
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// Index is the path of a list's item.
func Index(prefix string, i int) string { return prefix + "[" + strconv.Itoa(i) + "]" }
