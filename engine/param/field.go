package param

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/engine/secret"
)

// Lookup finds a field by its name or an alias; "lora.r" looks inside objects.
func (s Schema) Lookup(name string) (*Field, bool) {
	head, rest, nested := strings.Cut(name, ".")
	for i := range s.Fields {
		f := &s.Fields[i]
		if f.Name != head && !slices.Contains(f.Aliases, head) {
			continue
		}
		if !nested {
			return f, true
		}
		return Schema{Fields: f.Fields}.Lookup(rest)
	}
	return nil, false
}

// Names are the names of the top-level fields, in order.
func (s Schema) Names() []string {
	names := make([]string, len(s.Fields))
	for i := range s.Fields {
		names[i] = s.Fields[i].Name
	}
	return names
}

func (f *Field) within(x float64) bool {
	return (f.Min == nil || x >= *f.Min) && (f.Max == nil || x <= *f.Max)
}

// Want is what a value must be, in words: "an integer of 1 or more".
func (f *Field) Want() string {
	s := f.Type.String()
	switch {
	case len(f.Enum) > 0:
		s = "one of " + strings.Join(f.Enum, ", ")
	case f.Type == List && f.Elem.Type == String:
		s = "a list of texts"
	case f.Type == List && f.Elem.Type == Int:
		s = "a list of integers"
	case f.Type == List && f.Elem.Type == Float:
		s = "a list of numbers"
	}
	switch {
	case f.Min != nil && f.Max != nil:
		s += fmt.Sprintf(" from %s to %s", shortest(*f.Min), shortest(*f.Max))
	case f.Min != nil:
		s += fmt.Sprintf(" of %s or more", shortest(*f.Min))
	case f.Max != nil:
		s += fmt.Sprintf(" of %s or less", shortest(*f.Max))
	}
	return s
}

func shortest(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// show prints a given value for a message, cut short.
func show(v any) string {
	switch x := v.(type) {
	case nil:
		return "nothing"
	case string:
		if r := []rune(x); len(r) > 40 {
			x = string(r[:40]) + "..."
		}
		return strconv.Quote(x)
	case float64:
		return shortest(x)
	case secret.Text:
		return "a secret"
	}
	switch k := reflect.TypeOf(v).Kind(); k {
	case reflect.Map:
		return "a map"
	case reflect.Slice:
		return fmt.Sprintf("a list of %d", reflect.ValueOf(v).Len())
	case reflect.Struct, reflect.Pointer:
		return "an artifact"
	}
	return fmt.Sprint(v)
}
