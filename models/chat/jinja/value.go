package jinja

import (
	"math/big"
	"strconv"

	"github.com/belay-ml/belay/models/chat/ordjson"
)

// A value is one of: nil (None), bool, int, *big.Int (only where int is too small), float64, string,
// markup, []any (a list), Tuple, *Dict, and the types of this package that only templates make.
// Lists and dicts never change after they are built: the sandbox has no mutating methods.

// Tuple is Python's tuple.
type Tuple []any

// markup is text that is safe in HTML; only `+` and `escape` treat it in another way than text.
type markup string

// absentValue is what an argument is that was not given, and a name that stands for nothing.
type absentValue struct{}

var absent any = absentValue{}

// undefined is the value of a name or member that there is not. It prints as nothing.
type undefined struct {
	of   any    // whose member; absent for a variable
	name any    // of the variable or member
	hint string // the whole message, where that is known
	kind string // of the error that using it is
}

func (u *undefined) err() *Error {
	if u.hint != "" {
		return errorf(u.kind, "%s", u.hint)
	}
	name, isText := u.name.(string)
	switch {
	case u.of == absent:
		return errorf(UndefinedError, "'%s' is undefined", name)
	case isText:
		return errorf(UndefinedError, "'%s' has no attribute '%s'", objectName(u.of), name)
	}
	return errorf(UndefinedError, "%s has no element %s", objectName(u.of), shortRepr(u.name))
}

func objectName(v any) string {
	switch v.(type) {
	case nil:
		return "None"
	case *undefined:
		return "Undefined"
	}
	return typeName(v) + " object"
}

// namespace is what templates may write to.
type namespace struct{ d *Dict }

// intRange is Python's range.
type intRange struct{ start, stop, step int }

func (r intRange) len() int {
	switch {
	case r.step > 0 && r.start < r.stop:
		return (r.stop-r.start-1)/r.step + 1
	case r.step < 0 && r.start > r.stop:
		return (r.start-r.stop-1)/-r.step + 1
	}
	return 0
}

// view is what items, keys and values of a dict give.
type view struct {
	of   *Dict
	what string
}

func (v view) at(i int) any {
	switch v.what {
	case "keys":
		return v.of.keys[i]
	case "values":
		return v.of.vals[i]
	}
	return Tuple{v.of.keys[i], v.of.vals[i]}
}

// generator gives its values once.
type generator struct {
	next iterator
	name string
}

// method is a function of a value.
type method struct {
	of   any
	name string
	f    methodFunc
}

// typeName is what Python's type(v).__name__ says.
func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case markup:
		return "Markup"
	case []any:
		return "list"
	case Tuple:
		return "tuple"
	case *Dict:
		return "dict"
	case *undefined:
		return "Undefined"
	case *namespace:
		return "Namespace"
	case intRange:
		return "range"
	case view:
		return "dict_" + v.what
	case *generator:
		return "generator"
	case *loop:
		return "LoopContext"
	case *macro:
		return "Macro"
	case *cycler:
		return "Cycler"
	case *joiner:
		return "Joiner"
	case method:
		return "builtin_function_or_method"
	}
	return "function"
}

// truth is Python's bool(v).
func truth(v any) bool {
	switch v := v.(type) {
	case nil, *undefined:
		return false
	case bool:
		return v
	case int:
		return v != 0
	case *big.Int:
		return v.Sign() != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case markup:
		return v != ""
	case []any:
		return len(v) > 0
	case Tuple:
		return len(v) > 0
	case *Dict:
		return len(v.keys) > 0
	case intRange:
		return v.len() > 0
	case view:
		return len(v.of.keys) > 0
	}
	return true
}

// text is a value that is text.
func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case markup:
		return string(v), true
	}
	return "", false
}

// items is a value that is a list or tuple.
func items(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case Tuple:
		return v, true
	}
	return nil, false
}

// FromJSON is the value of what package ordjson read.
func FromJSON(v any) any {
	switch v := v.(type) {
	case ordjson.Number:
		return fromNumber(string(v))
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = FromJSON(e)
		}
		return out
	case *ordjson.Object:
		d := NewDict(len(v.Keys))
		for i, k := range v.Keys {
			d.Set(k, FromJSON(v.Values[i]))
		}
		return d
	}
	return v // nil, bool, string
}

// fromNumber is a JSON number as Python reads it.
func fromNumber(s string) any {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	if i, ok := new(big.Int).SetString(s, 10); ok && len(s) <= maxDigits {
		return small(i)
	}
	f, _ := strconv.ParseFloat(s, 64) // beyond the range it is an infinity, as in Python
	return f
}
