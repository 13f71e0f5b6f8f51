package formula

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	lang "github.com/expr-lang/expr"
)

// Builtins are the functions of expr-lang that are pure and give the same result every time.
func Builtins() []string {
	return []string{
		"len", "all", "any", "none", "one", "filter", "map", "find", "count", "sum",
		"abs", "ceil", "floor", "round", "int", "float", "min", "max",
		"trim", "trimPrefix", "trimSuffix", "upper", "lower", "split", "replace", "join", "indexOf", "hasPrefix", "hasSuffix",
		"first", "last", "reverse", "uniq", "concat", "flatten", "sort",
	}
}

// Custom are our own: div is whole-number division (/ always gives a float); keys and string replace
// functions whose result depends on map order or on how Go prints floats.
func Custom() []string { return []string{"div", "keys", "string"} }

// Functions are the names of all functions, sorted.
func Functions() []string {
	all := append(Builtins(), Custom()...)
	slices.Sort(all)
	return all
}

// Options let an expression call those functions and no others.
func Options() []lang.Option {
	opts := []lang.Option{lang.DisableAllBuiltins()}
	for _, name := range Builtins() {
		opts = append(opts, lang.EnableBuiltin(name))
	}
	return append(opts,
		lang.Function("div", div, new(func(int, int) int)),
		lang.Function("keys", keys, new(func(map[string]any) []any)),
		lang.Function("string", text, new(func(any) string)),
	)
}

func div(args ...any) (any, error) {
	a, b := args[0].(int), args[1].(int)
	if b == 0 {
		return nil, errors.New("division by zero")
	}
	return a / b, nil
}

func keys(args ...any) (any, error) {
	m, ok := args[0].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("keys wants a map, have %T", args[0])
	}
	names := make([]string, 0, len(m))
	for k := range m {
		names = append(names, k)
	}
	slices.Sort(names)
	out := make([]any, len(names))
	for i, k := range names {
		out[i] = k
	}
	return out, nil
}

func text(args ...any) (any, error) {
	s, ok := Format(Plain(args[0]))
	if !ok {
		return nil, errors.New("string() takes texts, numbers and booleans")
	}
	return s, nil
}

// Format is a value inside text: numbers in their shortest form. Lists, maps and artifacts have none.
func Format(v any) (string, bool) {
	switch x := v.(type) {
	case string:
		return x, true
	case bool:
		return strconv.FormatBool(x), true
	case int64:
		return strconv.FormatInt(x, 10), true
	case float64:
		return shortest(x), true
	}
	return "", false
}

// shortest is the shortest decimal form that reads back the same: 1e-5, not 1e-05.
func shortest(x float64) string {
	s := strconv.FormatFloat(x, 'g', -1, 64)
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return s
	}
	mantissa, exp, ok := strings.Cut(s, "e")
	if !ok {
		return s
	}
	sign := strings.TrimLeft(exp[:1], "+")
	return mantissa + "e" + sign + strings.TrimLeft(exp[1:], "0")
}

// Native turns plain values into expr-lang's: integers are int there.
func Native(v any) any {
	switch x := v.(type) {
	case int64:
		return int(x)
	case []any:
		return list(x, Native)
	case map[string]any:
		return members(x, Native)
	}
	return v
}

// Plain is the way back, for whatever an expression may give.
func Plain(v any) any {
	switch x := v.(type) {
	case int:
		return int64(x)
	case float32:
		return float64(x)
	case []any:
		return list(x, Plain)
	case []string:
		return list(x, Plain)
	case []int:
		return list(x, Plain)
	case map[string]any:
		return members(x, Plain)
	}
	return v
}

func list[T any](x []T, of func(any) any) []any {
	out := make([]any, len(x))
	for i, e := range x {
		out[i] = of(e)
	}
	return out
}

func members(x map[string]any, of func(any) any) map[string]any {
	out := make(map[string]any, len(x))
	for k, e := range x {
		out[k] = of(e)
	}
	return out
}
