package jinja

import (
	"strings"
	"unicode/utf8"
)

// attribute is v.name as a template writes it: an attribute or method first, then a member.
func (r *run) attribute(v any, name string) (any, *Error) {
	switch v := v.(type) {
	case *undefined:
		return nil, v.err()
	case *Dict: // the usual case, and only few names are methods
		if m, ok, err := r.own(v, name); ok || err != nil {
			return m, err
		}
		if e, ok := v.Get(name); ok {
			return e, nil
		}
		return &undefined{of: v, name: name, kind: UndefinedError}, nil
	}
	if m, ok, err := r.own(v, name); ok || err != nil {
		return m, err
	}
	return &undefined{of: v, name: name, kind: UndefinedError}, nil
}

// own is a method or attribute that Python's object has. One that the sandbox hides is undefined.
func (r *run) own(v any, name string) (any, bool, *Error) {
	if len(name) > 4 && strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__") {
		return unsafeMember(v, name), true, nil
	}
	var methods map[string]methodFunc
	switch v := v.(type) {
	case *Dict:
		methods = r.env.dict
	case string, markup:
		methods = r.env.text
	case *namespace:
		e, ok := v.d.Get(name)
		return e, ok, nil
	case *loop:
		return v.attribute(r, name)
	case *macro:
		return v.node.name, name == "name", nil
	case *cycler:
		m := v.member(name)
		return m, m != nil, nil
	case []any:
		methods = r.env.list
	case Tuple:
		methods = r.env.tuple
	case int, bool, float64:
		methods = r.env.number
	}
	f, ok := methods[name]
	if !ok {
		return nil, false, nil
	}
	if f == nil {
		return unsafeMember(v, name), true, nil
	}
	return method{v, name, f}, true, nil
}

func unsafeMember(v any, name string) *undefined {
	return &undefined{of: v, name: name, kind: SecurityError, hint: "access to attribute " + shortRepr(name) + " of '" + typeName(v) + "' object is unsafe."}
}

// item is v[key]: a member first, then an attribute.
func (r *run) item(v, key any) (any, *Error) {
	switch c := v.(type) {
	case *undefined:
		return nil, c.err()
	case *Dict:
		e, ok, err := c.get(key)
		if err == nil && ok {
			return e, nil
		}
	case string, markup, []any, Tuple, intRange:
		if i, ok := plainInt(key); ok {
			if e, ok := element(c, i); ok {
				return e, nil
			}
			return &undefined{of: v, name: key, kind: UndefinedError}, nil
		}
	}
	if name, ok := text(key); ok {
		if m, ok, err := r.own(v, name); ok || err != nil {
			return m, err
		}
	}
	return &undefined{of: v, name: key, kind: UndefinedError}, nil
}

// element is the i-th of a sequence; negative ones count from the end.
func element(v any, i int) (any, bool) {
	n := 0
	switch v := v.(type) {
	case string:
		return character(v, i)
	case markup:
		c, ok := character(string(v), i)
		return c, ok
	case intRange:
		if n = v.len(); i < 0 {
			i += n
		}
		if i < 0 || i >= n {
			return nil, false
		}
		return v.start + i*v.step, true
	}
	all, _ := items(v)
	if n = len(all); i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return nil, false
	}
	return all[i], true
}

func character(s string, i int) (any, bool) {
	if i < 0 {
		for i++; i < 0 && s != ""; i++ {
			_, n := utf8.DecodeLastRuneInString(s)
			s = s[:len(s)-n]
		}
		if s == "" {
			return nil, false
		}
		_, n := utf8.DecodeLastRuneInString(s)
		return s[len(s)-n:], true
	}
	for at := range s {
		if i == 0 {
			_, n := utf8.DecodeRuneInString(s[at:])
			return s[at : at+n], true
		}
		i--
	}
	return nil, false
}

// slice is v[start:stop:step]; an absent bound is None.
func (r *run) slice(v, start, stop, step any) (any, *Error) {
	if u, ok := v.(*undefined); ok {
		return nil, u.err()
	}
	var n int
	var chars []rune
	switch v := v.(type) {
	case string:
		if isASCII(v) {
			n = len(v)
		} else {
			if err := r.spend(4 * len(v)); err != nil {
				return nil, err
			}
			chars = []rune(v)
			n = len(chars)
		}
	case markup:
		return r.slice(string(v), start, stop, step)
	case []any, Tuple, intRange:
		n, _ = length(v)
	default:
		return nil, typeErrorf("'%s' object is not subscriptable", typeName(v))
	}
	from, to, by, err := bounds(n, start, stop, step)
	if err != nil {
		return nil, err
	}
	if c, ok := v.(intRange); ok {
		return intRange{c.start + from*c.step, c.start + to*c.step, c.step * by}, nil
	}
	count := intRange{from, to, by}.len()
	switch v := v.(type) {
	case string:
		if by == 1 && chars == nil {
			return v[from : from+count], nil
		}
		if err := r.spend(count); err != nil {
			return nil, err
		}
		if chars == nil {
			out := make([]byte, count)
			for i := range out {
				out[i] = v[from+i*by]
			}
			return string(out), nil
		}
		out := make([]rune, count)
		for i := range out {
			out[i] = chars[from+i*by]
		}
		return string(out), nil
	case []any:
		if by == 1 {
			return v[from : from+count : from+count], nil
		}
		return r.pick(v, from, by, count)
	case Tuple:
		all, err := r.pick(v, from, by, count)
		return Tuple(all), err
	}
	return nil, nil
}

func (r *run) pick(all []any, from, by, count int) ([]any, *Error) {
	if err := r.spendItems(count); err != nil {
		return nil, err
	}
	out := make([]any, count)
	for i := range out {
		out[i] = all[from+i*by]
	}
	return out, nil
}

// bounds is Python's slice.indices(n).
func bounds(n int, start, stop, step any) (from, to, by int, err *Error) {
	number := func(v any, otherwise int) int {
		if v == nil || v == absent || err != nil {
			return otherwise
		}
		i, bad := asInt(v)
		if bad != nil {
			err = typeErrorf("slice indices must be integers or None or have an __index__ method")
		}
		return i
	}
	if by = number(step, 1); err == nil && by == 0 {
		err = errorf(ValueError, "slice step cannot be zero")
	}
	low, high := 0, n
	if by < 0 {
		low, high = -1, n-1
	}
	clamp := func(i int) int {
		if i < 0 {
			i += n
		}
		return min(max(i, low), high)
	}
	if by < 0 {
		from, to = n-1, -1
	} else {
		from, to = 0, n
	}
	if start != nil && start != absent {
		from = clamp(number(start, 0))
	}
	if stop != nil && stop != absent {
		to = clamp(number(stop, 0))
	}
	by = max(by, -n-1)
	by = min(by, n+1)
	return from, to, by, err
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
