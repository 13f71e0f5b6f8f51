package megatron

import (
	"fmt"

	"github.com/belay-ml/belay/models/ckpt/torchpt"
)

// Args are the training arguments that Megatron keeps in every file.
type Args struct{ dict *torchpt.Dict }

// NewArgs makes an empty set of arguments.
func NewArgs() Args { return Args{torchpt.NewDict()} }

// argsOf reads the argparse.Namespace of a file.
func argsOf(v any) (Args, error) {
	o, ok := v.(*torchpt.Object)
	if !ok || o.Attrs() == nil {
		return Args{}, fmt.Errorf("args is %T, not a namespace", v)
	}
	return Args{o.Attrs()}, nil
}

// Set adds or replaces an argument.
func (a Args) Set(name string, v any) { a.dict.Set(name, v) }

// Names are the arguments in order.
func (a Args) Names() []string { return a.dict.Keys() }

// Value is an argument, and whether it is there and not None.
func (a Args) Value(name string) (any, bool) {
	v, ok := a.dict.Get(name)
	return v, ok && v != nil
}

// Int is a whole-number argument, or def.
func (a Args) Int(name string, def int) int {
	switch v, _ := a.dict.Get(name); x := v.(type) {
	case int64:
		return int(x)
	case int:
		return x
	case float64:
		if x == float64(int(x)) {
			return int(x)
		}
	}
	return def
}

// Float is a number argument, or def.
func (a Args) Float(name string, def float64) float64 {
	switch v, _ := a.dict.Get(name); x := v.(type) {
	case int64:
		return float64(x)
	case int:
		return float64(x)
	case float64:
		return x
	}
	return def
}

// Bool is a flag, or def.
func (a Args) Bool(name string, def bool) bool {
	v, _ := a.dict.Get(name)
	if b, ok := v.(bool); ok {
		return b
	}
	return def
}

// Text is a text argument, or def.
func (a Args) Text(name, def string) string {
	v, _ := a.dict.Get(name)
	if s, ok := v.(string); ok {
		return s
	}
	return def
}

// Texts is a list of text, or nil.
func (a Args) Texts(name string) []string {
	var out []string
	for _, it := range a.items(name) {
		if s, ok := it.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Ints is a list of whole numbers, or nil.
func (a Args) Ints(name string) []int {
	var out []int
	for _, it := range a.items(name) {
		if n, ok := it.(int64); ok {
			out = append(out, int(n))
		}
	}
	return out
}

// items are the elements of a list or tuple.
func (a Args) items(name string) []any {
	v, _ := a.dict.Get(name)
	switch x := v.(type) {
	case *torchpt.List:
		return x.Items
	case torchpt.Tuple:
		return x
	}
	return nil
}

// Clone is a copy that can be changed alone.
func (a Args) Clone() Args {
	out := NewArgs()
	if a.dict == nil {
		return out
	}
	for _, name := range a.dict.Keys() {
		v, _ := a.dict.Get(name)
		out.Set(name, v)
	}
	return out
}
