package param

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/engine/secret"
)

// maxDepth bounds the nesting of values of type Any.
const maxDepth = 64

// Normalize checks values against the schema and gives them their one normal form: aliases resolved,
// defaults filled, integers as int64 and numbers as float64, nested maps as map[string]any. Absent optional
// values (inputs, pointer fields) stay absent. Values of inputs pass through when they are text or no plain
// value. All problems are found, in the order of the schema; unknown names come last. The given map is not changed.
func (s Schema) Normalize(values map[string]any) (map[string]any, []Problem) {
	n := normalizer{}
	out := n.object(s.Fields, values, nil)
	return out, n.problems
}

type normalizer struct {
	problems []Problem
}

func (n *normalizer) add(path []string, hint, format string, args ...any) {
	n.problems = append(n.problems, Problem{Path: slices.Clone(path), Summary: fmt.Sprintf(format, args...), Hint: hint})
}

// at appends to a path without sharing its array.
func at(path []string, name string) []string {
	return append(slices.Clip(slices.Clone(path)), name)
}

func (n *normalizer) object(fields []Field, values map[string]any, path []string) map[string]any {
	given, unknown := spread(fields, values)
	out := make(map[string]any, len(fields))
	for i := range fields {
		f := &fields[i]
		names := given[f.Name]
		if len(names) > 1 {
			n.add(at(path, names[1]), "keep one of them", "parameter %s is given twice, as %s", f.Name, strings.Join(names, " and "))
		}
		var v any
		if len(names) > 0 {
			v = values[names[0]]
		}
		if v, unknown = n.hoist(f, v, values, unknown, path); v == nil {
			if f.Required {
				n.add(at(path, f.Name), f.Doc, "missing parameter %s, want %s", f.Name, f.Want())
				continue
			}
			if f.Default == nil {
				continue
			}
			if f.Type != Object {
				out[f.Name] = clone(f.Default)
				continue
			}
			v = f.Default
		}
		at := at(path, f.Name)
		if len(names) > 0 {
			at[len(at)-1] = names[0]
		}
		if norm, ok := n.value(f, v, at); ok {
			out[f.Name] = norm
		}
	}
	for _, k := range unknown {
		hint := ""
		if near := Near(k, allNames(fields)); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
		}
		n.add(at(path, k), hint, "unknown parameter %q", k)
	}
	return out
}

// hoist moves values given beside an object under the alias of one of its fields into it:
// tensor_model_parallel_size beside parallel is parallel.tp.
func (n *normalizer) hoist(f *Field, v any, values map[string]any, unknown []string, path []string) (any, []string) {
	if f.Type != Object || len(unknown) == 0 {
		return v, unknown
	}
	var moved map[string]any
	var rest []string
	for _, k := range unknown {
		i := slices.IndexFunc(f.Fields, func(in Field) bool { return slices.Contains(in.Aliases, k) })
		if i < 0 {
			rest = append(rest, k)
			continue
		}
		if moved == nil {
			inner, ok := v.(map[string]any)
			if v != nil && !ok {
				return v, unknown // value will report the wrong type
			}
			moved = make(map[string]any, len(inner)+1)
			for ik, iv := range inner {
				moved[ik] = iv
			}
		}
		if _, twice := moved[k]; twice {
			n.add(at(path, k), "keep one of them", "parameter %s.%s is given twice", f.Name, f.Fields[i].Name)
		}
		moved[k] = values[k]
	}
	if moved == nil {
		return v, unknown
	}
	return moved, rest
}

// spread finds the field of each given name. A null value counts as not given.
func spread(fields []Field, values map[string]any) (given map[string][]string, unknown []string) {
	given = make(map[string][]string, len(values))
	for k, v := range values {
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == k || slices.Contains(f.Aliases, k) })
		switch {
		case i < 0:
			unknown = append(unknown, k)
		case v != nil:
			given[fields[i].Name] = append(given[fields[i].Name], k)
		}
	}
	for _, names := range given {
		sort.Strings(names)
	}
	sort.Strings(unknown)
	return given, unknown
}

func allNames(fields []Field) []string {
	var names []string
	for _, f := range fields {
		names = append(append(names, f.Name), f.Aliases...)
	}
	return names
}

// value gives v its normal form by the field's type; ok is false when a problem was added.
func (n *normalizer) value(f *Field, v any, path []string) (norm any, ok bool) {
	wrong := func() (any, bool) {
		hint := ""
		switch v.(type) {
		case secret.Text:
			hint = "a secret is text that only the running stage knows"
		case string:
		default:
			if f.Type == String {
				hint = "put it in quotes"
			}
		}
		have := show(v)
		if f.Class == Secret {
			have = "something else" // never the value
		}
		n.add(path, hint, "want %s, have %s", f.Want(), have)
		return nil, false
	}
	switch f.Type {
	case Any:
		norm, ok := plain(v, 0)
		if !ok {
			return wrong()
		}
		return norm, true
	case String:
		if _, ok := v.(secret.Text); ok && len(f.Enum) == 0 {
			return v, true
		}
		s, ok := v.(string)
		if !ok {
			return wrong()
		}
		if len(f.Enum) > 0 && !slices.Contains(f.Enum, s) {
			hint := ""
			if near := Near(s, f.Enum); near != "" {
				hint = fmt.Sprintf("did you mean %s?", near)
			}
			n.add(path, hint, "want one of %s, have %q", strings.Join(f.Enum, ", "), s)
			return nil, false
		}
		return s, true
	case Bool:
		b, ok := v.(bool)
		if !ok {
			return wrong()
		}
		return b, true
	case Int:
		i, ok := integer(v)
		if !ok || !f.within(float64(i)) {
			return wrong()
		}
		return i, true
	case Float:
		x, ok := number(v)
		if !ok || !f.within(x) {
			return wrong()
		}
		return x, true
	case List:
		items, ok := listOf(v)
		if !ok {
			return wrong()
		}
		out := make([]any, 0, len(items))
		before := len(n.problems)
		for i, item := range items {
			if norm, ok := n.value(f.Elem, item, at(path, strconv.Itoa(i))); ok {
				out = append(out, norm)
			}
		}
		return out, len(n.problems) == before
	case Map, Object:
		m, ok := mapOf(v)
		if !ok {
			return wrong()
		}
		before := len(n.problems)
		if f.Type == Object {
			return n.object(f.Fields, m, path), len(n.problems) == before
		}
		out := make(map[string]any, len(m))
		for _, k := range sortedKeys(m) {
			if norm, ok := n.value(f.Elem, m[k], at(path, k)); ok {
				out[k] = norm
			}
		}
		return out, len(n.problems) == before
	case Input:
		if !inputValue(v) {
			return wrong()
		}
		return v, true
	case Inputs:
		items, isList := listOf(v)
		if !isList {
			items = []any{v} // one input where a list is wanted
		}
		for _, item := range items {
			if !inputValue(item) {
				return wrong()
			}
		}
		return slices.Clone(items), true
	case InputMap:
		m, ok := mapOf(v)
		if !ok {
			return wrong()
		}
		out := make(map[string]any, len(m))
		for k, item := range m {
			if !inputValue(item) {
				return wrong()
			}
			out[k] = item
		}
		return out, true
	}
	return wrong()
}

// inputValue says whether v can stand for an artifact: a path, or a value of the engine's own types.
func inputValue(v any) bool {
	if s, ok := v.(string); ok {
		return s != ""
	}
	if _, isSecret := v.(secret.Text); isSecret || v == nil {
		return false
	}
	k := reflect.TypeOf(v).Kind()
	return k == reflect.Struct || k == reflect.Pointer
}

func integer(v any) (int64, bool) {
	switch x := v.(type) {
	case int:
		return int64(x), true
	case int64:
		return x, true
	case uint64:
		return int64(x), x <= math.MaxInt64
	case float64:
		return int64(x), x == math.Trunc(x) && math.Abs(x) < 1<<53
	}
	r := reflect.ValueOf(v)
	switch {
	case r.CanInt():
		return r.Int(), true
	case r.CanUint():
		return int64(r.Uint()), r.Uint() <= math.MaxInt64
	}
	return 0, false
}

func number(v any) (float64, bool) {
	if x, ok := v.(float64); ok {
		return x, !math.IsNaN(x)
	}
	if i, ok := integer(v); ok {
		return float64(i), true
	}
	return 0, false
}

// plain normalises a value of no declared type.
func plain(v any, depth int) (any, bool) {
	if depth > maxDepth {
		return nil, false
	}
	switch x := v.(type) {
	case nil, string, bool, secret.Text:
		return x, true
	case float64:
		return x, !math.IsNaN(x)
	}
	if i, ok := integer(v); ok {
		return i, true
	}
	if list, ok := listOf(v); ok {
		out := make([]any, len(list))
		for i := range list {
			if out[i], ok = plain(list[i], depth+1); !ok {
				return nil, false
			}
		}
		return out, true
	}
	if m, ok := mapOf(v); ok {
		out := make(map[string]any, len(m))
		for k, item := range m {
			if out[k], ok = plain(item, depth+1); !ok {
				return nil, false
			}
		}
		return out, true
	}
	return nil, false
}

// listOf accepts any slice: expressions make []int and []string too.
func listOf(v any) ([]any, bool) {
	if l, ok := v.([]any); ok {
		return l, true
	}
	r := reflect.ValueOf(v)
	if !r.IsValid() || r.Kind() != reflect.Slice {
		return nil, false
	}
	out := make([]any, r.Len())
	for i := range out {
		out[i] = r.Index(i).Interface()
	}
	return out, true
}

func mapOf(v any) (map[string]any, bool) {
	if m, ok := v.(map[string]any); ok {
		return m, true
	}
	r := reflect.ValueOf(v)
	if !r.IsValid() || r.Kind() != reflect.Map || r.Type().Key().Kind() != reflect.String {
		return nil, false
	}
	out := make(map[string]any, r.Len())
	for it := r.MapRange(); it.Next(); {
		out[it.Key().String()] = it.Value().Interface()
	}
	return out, true
}

func clone(v any) any {
	out, ok := plain(v, 0)
	if !ok {
		return v
	}
	return out
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
