package jinja

import (
	"math/big"
	"strings"
	"unicode"
)

func tests() []builtin {
	is := func(name string, f func(v any) bool) builtin {
		return builtin{name: name, params: []string{"value"}, f: func(_ *run, in []any) (any, *Error) { return f(in[0]), nil }}
	}
	compared := func(name, op string) builtin {
		return builtin{name: name, params: []string{"a", "b"}, f: func(r *run, in []any) (any, *Error) {
			ok, err := compare(op, in[0], in[1])
			return ok, err
		}}
	}
	remainder := func(name string, by, want any) builtin {
		return builtin{name: name, params: []string{"value"}, f: func(r *run, in []any) (any, *Error) {
			m, err := r.operate("%", in[0], by)
			return err == nil && equal(m, want), err
		}}
	}
	return []builtin{
		is("defined", func(v any) bool { _, u := v.(*undefined); return !u }),
		is("undefined", func(v any) bool { _, u := v.(*undefined); return u }),
		is("none", func(v any) bool { return v == nil }),
		is("boolean", func(v any) bool { _, ok := v.(bool); return ok }),
		is("true", func(v any) bool { b, ok := v.(bool); return ok && b }),
		is("false", func(v any) bool { b, ok := v.(bool); return ok && !b }),
		is("integer", isInteger),
		is("float", func(v any) bool { _, ok := v.(float64); return ok }),
		is("number", isNumber),
		is("string", func(v any) bool { _, ok := text(v); return ok }),
		is("mapping", func(v any) bool { _, ok := v.(*Dict); return ok }),
		is("sequence", isSequence),
		is("iterable", isIterable),
		is("callable", isCallable),
		is("escaped", func(v any) bool { _, ok := v.(markup); return ok }),
		is("sameas", nil).with(func(_ *run, in []any) (any, *Error) { return same(in[0], in[1]), nil }, "value", "other"),
		is("in", nil).with(func(r *run, in []any) (any, *Error) {
			ok, err := r.contains(in[1], in[0])
			return ok, err
		}, "value", "seq"),
		is("divisibleby", nil).with(func(r *run, in []any) (any, *Error) {
			m, err := r.operate("%", in[0], in[1])
			return err == nil && equal(m, 0), err
		}, "value", "num"),
		is("lower", nil).with(func(r *run, in []any) (any, *Error) { return r.cased(in[0], unicode.IsLower, unicode.IsUpper) }, "value"),
		is("upper", nil).with(func(r *run, in []any) (any, *Error) { return r.cased(in[0], unicode.IsUpper, unicode.IsLower) }, "value"),
		is("filter", nil).with(func(r *run, in []any) (any, *Error) {
			name, ok := text(in[0])
			_, has := r.env.filters[name]
			return ok && has, nil
		}, "value"),
		is("test", nil).with(func(r *run, in []any) (any, *Error) {
			name, ok := text(in[0])
			_, has := r.env.tests[name]
			return ok && has, nil
		}, "value"),
		remainder("odd", 2, 1), remainder("even", 2, 0),
		compared("eq", "=="), compared("ne", "!="), compared("lt", "<"), compared("le", "<="), compared("gt", ">"), compared("ge", ">="),
	}
}

// with is the builtin with another function and other parameters.
func (b builtin) with(f func(r *run, in []any) (any, *Error), params ...string) builtin {
	return builtin{name: b.name, params: params, f: f}
}

func isInteger(v any) bool {
	switch v.(type) {
	case int, *big.Int:
		return true
	}
	return false
}

// isSequence is whether v has a length and members.
func isSequence(v any) bool {
	switch v.(type) {
	case string, markup, []any, Tuple, *Dict, intRange, *undefined:
		return true
	}
	return false
}

func isIterable(v any) bool {
	switch v.(type) {
	case view, *generator, *loop:
		return true
	}
	return isSequence(v)
}

func isCallable(v any) bool {
	switch v.(type) {
	case method, builtin, *macro, *joiner, *loop, *undefined:
		return true
	}
	return false
}

// same is Python's is, as far as values here have an identity.
func same(a, b any) bool {
	if isNumber(a) && isNumber(b) && typeName(a) != typeName(b) {
		return false
	}
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		return ok && len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
	case Tuple:
		b, ok := b.(Tuple)
		return ok && len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
	case *Dict:
		b, ok := b.(*Dict)
		return ok && a == b
	}
	return equal(a, b)
}

// cased says whether a text has letters of one case and none of the other.
func (r *run) cased(v any, want, never func(rune) bool) (any, *Error) {
	s, err := r.str(v)
	if err != nil {
		return nil, err
	}
	return strings.IndexFunc(s, want) >= 0 && strings.IndexFunc(s, func(c rune) bool { return never(c) || unicode.IsTitle(c) }) < 0, nil
}
