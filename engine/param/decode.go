package param

import (
	"fmt"
	"reflect"

	"github.com/belay-ml/belay/engine/artifact"
)

// Decode fills the struct that into points to from normalised values, in which inputs are artifact.Ref,
// []any or []artifact.Ref, map[string]any or map[string]artifact.Ref. Absent values leave their fields alone.
func Decode(values map[string]any, into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("decode parameters: want a pointer to a struct, have %T", into)
	}
	if err := decodeStruct(values, v.Elem()); err != nil {
		return fmt.Errorf("decode parameters: %w", err)
	}
	return nil
}

func decodeStruct(values map[string]any, v reflect.Value) error {
	t := v.Type()
	for i := range t.NumField() {
		sf := t.Field(i)
		name, inline := fieldName(sf)
		switch {
		case name == "-" || !sf.IsExported():
		case inline:
			if err := decodeStruct(values, v.Field(i)); err != nil {
				return err
			}
		default:
			given, ok := values[name]
			if !ok || given == nil {
				continue
			}
			if err := decodeValue(given, v.Field(i)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

func decodeValue(given any, v reflect.Value) error {
	mismatch := func() error { return fmt.Errorf("cannot take %T as %s", given, v.Type()) }
	if v.Type() == refType {
		ref, ok := given.(artifact.Ref)
		if !ok {
			return mismatch()
		}
		v.Set(reflect.ValueOf(ref))
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		if err := decodeValue(given, p.Elem()); err != nil {
			return err
		}
		v.Set(p)
	case reflect.Interface:
		g := reflect.ValueOf(given)
		if !g.IsValid() || !g.Type().AssignableTo(v.Type()) {
			return mismatch()
		}
		v.Set(g)
	case reflect.String:
		s, ok := given.(string)
		if !ok {
			return mismatch()
		}
		v.SetString(s)
	case reflect.Bool:
		b, ok := given.(bool)
		if !ok {
			return mismatch()
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int64:
		i, ok := integer(given)
		if !ok || v.OverflowInt(i) {
			return mismatch()
		}
		v.SetInt(i)
	case reflect.Float64:
		x, ok := number(given)
		if !ok {
			return mismatch()
		}
		v.SetFloat(x)
	case reflect.Struct:
		m, ok := mapOf(given)
		if !ok {
			return mismatch()
		}
		return decodeStruct(m, v)
	case reflect.Slice:
		items, ok := listOf(given)
		if !ok {
			return mismatch()
		}
		out := reflect.MakeSlice(v.Type(), len(items), len(items))
		for i, item := range items {
			if err := decodeValue(item, out.Index(i)); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
		v.Set(out)
	case reflect.Map:
		m, ok := mapOf(given)
		if !ok {
			return mismatch()
		}
		out := reflect.MakeMapWithSize(v.Type(), len(m))
		for _, k := range sortedKeys(m) {
			e := reflect.New(v.Type().Elem()).Elem()
			if err := decodeValue(m[k], e); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
			out.SetMapIndex(reflect.ValueOf(k).Convert(v.Type().Key()), e)
		}
		v.Set(out)
	default:
		return mismatch()
	}
	return nil
}
