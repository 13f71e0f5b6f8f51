package jinja

import (
	"strings"
	"unicode/utf8"
)

// iterator gives one value after the other; ok is false behind the last.
type iterator func() (v any, ok bool, err *Error)

// iterate is Python's iter(v).
func (r *run) iterate(v any) (iterator, *Error) {
	switch v := v.(type) {
	case []any:
		return over(len(v), func(i int) any { return v[i] }), nil
	case Tuple:
		return over(len(v), func(i int) any { return v[i] }), nil
	case *Dict:
		return over(len(v.keys), func(i int) any { return v.keys[i] }), nil
	case view:
		return over(len(v.of.keys), v.at), nil
	case intRange:
		return over(v.len(), func(i int) any { return v.start + i*v.step }), nil
	case string:
		return runes(v), nil
	case markup:
		return runes(string(v)), nil
	case *undefined:
		return over(0, nil), nil
	case *generator:
		return v.next, nil
	case *loop:
		return func() (any, bool, *Error) { return nil, false, typeErrorf("a loop cannot be looped over") }, nil
	}
	return nil, typeErrorf("'%s' object is not iterable", typeName(v))
}

func over(n int, at func(int) any) iterator {
	i := 0
	return func() (any, bool, *Error) {
		if i >= n {
			return nil, false, nil
		}
		i++
		return at(i - 1), true, nil
	}
}

func runes(s string) iterator {
	return func() (any, bool, *Error) {
		if s == "" {
			return nil, false, nil
		}
		_, n := utf8.DecodeRuneInString(s)
		c := s[:n]
		s = s[n:]
		return c, true, nil
	}
}

// list is Python's list(v). A list or tuple is not copied.
func (r *run) list(v any) ([]any, *Error) {
	if all, ok := items(v); ok {
		return all, nil
	}
	next, err := r.iterate(v)
	if err != nil {
		return nil, err
	}
	return r.collect(next)
}

func (r *run) collect(next iterator) ([]any, *Error) {
	all := []any{}
	for {
		v, ok, err := next()
		if err != nil || !ok {
			return all, err
		}
		if err := r.spend(itemBytes); err != nil {
			return nil, err
		}
		if err := r.step(1); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
}

// length is Python's len(v).
func length(v any) (int, *Error) {
	switch v := v.(type) {
	case string:
		return utf8.RuneCountInString(v), nil
	case markup:
		return utf8.RuneCountInString(string(v)), nil
	case []any:
		return len(v), nil
	case Tuple:
		return len(v), nil
	case *Dict:
		return len(v.keys), nil
	case view:
		return len(v.of.keys), nil
	case intRange:
		return v.len(), nil
	case *undefined:
		return 0, nil
	}
	return 0, typeErrorf("object of type '%s' has no len()", typeName(v))
}

// contains is Python's x in v.
func (r *run) contains(v, x any) (bool, *Error) {
	switch c := v.(type) {
	case string, markup:
		s, _ := text(c)
		sub, ok := text(x)
		if !ok {
			return false, typeErrorf("'in <string>' requires string as left operand, not %s", typeName(x))
		}
		return strings.Contains(s, sub), r.step(len(s) >> 8)
	case *Dict:
		_, ok, err := c.get(x)
		return ok, err
	case view:
		if c.what == "keys" {
			_, ok, err := c.of.get(x)
			return ok, err
		}
	case intRange:
		n, ok := plainInt(x)
		if !ok {
			return false, nil
		}
		d := n - c.start
		return c.step != 0 && d%c.step == 0 && d/c.step >= 0 && d/c.step < c.len(), nil
	case *generator, *undefined:
	default:
		if _, ok := items(v); !ok {
			return false, typeErrorf("argument of type '%s' is not iterable", typeName(v))
		}
	}
	next, err := r.iterate(v)
	if err != nil {
		return false, err
	}
	for {
		e, ok, err := next()
		if err != nil || !ok {
			return false, err
		}
		if err := r.step(1); err != nil {
			return false, err
		}
		if equal(e, x) {
			return true, nil
		}
	}
}
