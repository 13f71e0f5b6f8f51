package param

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/engine/artifact"
)

var refType = reflect.TypeFor[artifact.Ref]()

// Of reads the schema of a parameter struct (or a pointer to one) from its tags. Nil has no parameters.
func Of(v any) (Schema, error) {
	if v == nil {
		return Schema{}, nil
	}
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == refType {
		return Schema{}, fmt.Errorf("read parameters of %s: want a struct", t)
	}
	fields, err := fieldsOf(t, nil)
	if err != nil {
		return Schema{}, fmt.Errorf("read parameters of %s: %w", t, err)
	}
	return Schema{Fields: fields}, nil
}

func fieldsOf(t reflect.Type, outer []reflect.Type) ([]Field, error) {
	if slices.Contains(outer, t) {
		return nil, fmt.Errorf("struct %s holds itself", t)
	}
	outer = append(outer, t)
	var fields []Field
	seen := map[string]string{}
	for i := range t.NumField() {
		sf := t.Field(i)
		name, inline := fieldName(sf)
		if name == "-" || !sf.IsExported() {
			continue
		}
		var add []Field
		if inline {
			if sf.Type.Kind() != reflect.Struct {
				return nil, fmt.Errorf("field %s: only a struct can be inlined", sf.Name)
			}
			inner, err := fieldsOf(sf.Type, outer)
			if err != nil {
				return nil, fmt.Errorf("field %s: %w", sf.Name, err)
			}
			add = inner
		} else {
			f, err := fieldOf(sf, name, outer)
			if err != nil {
				return nil, fmt.Errorf("field %s: %w", sf.Name, err)
			}
			add = []Field{f}
		}
		for _, f := range add {
			for _, n := range append([]string{f.Name}, f.Aliases...) {
				if prev, ok := seen[n]; ok {
					return nil, fmt.Errorf("field %s: name %q is taken by %s", sf.Name, n, prev)
				}
				seen[n] = sf.Name
			}
			fields = append(fields, f)
		}
	}
	return fields, nil
}

// fieldName is the recipe name of a field; inline is true for embedded structs and yaml:",inline".
func fieldName(sf reflect.StructField) (name string, inline bool) {
	name, opts, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
	inline = name == "" && (sf.Anonymous || slices.Contains(strings.Split(opts, ","), "inline"))
	return name, inline
}

func fieldOf(sf reflect.StructField, name string, outer []reflect.Type) (Field, error) {
	tag := sf.Tag
	if name == "" {
		return Field{}, fmt.Errorf("no yaml tag")
	}
	f := Field{Name: name, Aliases: words(tag.Get("alias")), Doc: tag.Get("doc"), Required: tag.Get("required") == "true"}
	switch c := tag.Get("key"); c {
	case "", "yes":
	case "no":
		f.Class = Unkeyed
	case "secret":
		f.Class = Secret
	default:
		return f, fmt.Errorf("tag key: want no or secret, have %q", c)
	}
	for _, k := range words(tag.Get("kind")) {
		f.Kinds = append(f.Kinds, artifact.Kind(k))
	}
	optional, err := setType(&f, sf.Type, outer)
	if err != nil {
		return f, err
	}
	if len(f.Kinds) > 0 && !f.Type.IsInput() {
		return f, fmt.Errorf("tag kind: the field is no input")
	}
	scalar := &f
	for scalar.Elem != nil {
		scalar = scalar.Elem
	}
	scalar.Enum = words(tag.Get("enum"))
	if len(scalar.Enum) > 0 && scalar.Type != String {
		return f, fmt.Errorf("tag enum: the field is no text")
	}
	if scalar.Min, err = bound(tag, "min", scalar.Type); err != nil {
		return f, err
	}
	if scalar.Max, err = bound(tag, "max", scalar.Type); err != nil {
		return f, err
	}
	text, has := tag.Lookup("default")
	switch {
	case has && (f.Required || f.Type.IsInput()):
		return f, fmt.Errorf("tag default: not for inputs and required fields")
	case has:
		v, err := parseFlow(text, f.Type)
		if err != nil {
			return f, fmt.Errorf("tag default: %w", err)
		}
		norm, problems := Schema{Fields: []Field{f}}.Normalize(map[string]any{name: v})
		if len(problems) > 0 {
			return f, fmt.Errorf("tag default: %s", problems[0].Summary)
		}
		f.Default = norm[name]
	case !f.Required && !optional:
		// A zero value that the bounds or words refuse stands for "not given": such a field stays absent,
		// so that normal values pass through Normalize unchanged.
		zero := f.Type.zero()
		if _, problems := (Schema{Fields: []Field{f}}).Normalize(map[string]any{name: zero}); len(problems) == 0 {
			f.Default = zero
		}
	}
	return f, nil
}

// setType fills Type, Elem and Fields from a Go type; optional is true for pointers.
func setType(f *Field, t reflect.Type, outer []reflect.Type) (optional bool, err error) {
	if t.Kind() == reflect.Pointer {
		t, optional = t.Elem(), true
		if t.Kind() == reflect.Pointer || t == refType {
			return false, fmt.Errorf("unsupported type *%s", t)
		}
	}
	switch t.Kind() {
	case reflect.String:
		f.Type = String
	case reflect.Int, reflect.Int64:
		f.Type = Int
	case reflect.Float64:
		f.Type = Float
	case reflect.Bool:
		f.Type = Bool
	case reflect.Interface:
		f.Type = Any
		optional = true
	case reflect.Struct:
		if t == refType {
			f.Type = Input
			return true, nil
		}
		f.Type = Object
		f.Fields, err = fieldsOf(t, outer)
	case reflect.Slice:
		if t.Elem() == refType {
			f.Type = Inputs
			return true, nil
		}
		f.Type = List
		f.Elem = &Field{Name: f.Name}
		_, err = setType(f.Elem, t.Elem(), outer)
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return false, fmt.Errorf("unsupported type %s: map keys must be text", t)
		}
		if t.Elem() == refType {
			f.Type = InputMap
			return true, nil
		}
		f.Type = Map
		f.Elem = &Field{Name: f.Name}
		_, err = setType(f.Elem, t.Elem(), outer)
	default:
		err = fmt.Errorf("unsupported type %s", t)
	}
	if f.Elem != nil && f.Elem.Type.IsInput() {
		err = fmt.Errorf("unsupported type %s: inputs nest one level only", t)
	}
	return optional, err
}

func bound(tag reflect.StructTag, name string, t Type) (*float64, error) {
	s, ok := tag.Lookup(name)
	if !ok {
		return nil, nil
	}
	if t != Int && t != Float {
		return nil, fmt.Errorf("tag %s: the field is no number", name)
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, fmt.Errorf("tag %s: %w", name, err)
	}
	return &v, nil
}

func words(s string) []string {
	if s == "" {
		return nil
	}
	list := strings.Split(s, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}
