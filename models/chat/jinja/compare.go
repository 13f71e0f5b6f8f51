package jinja

import (
	"cmp"
	"math/big"
)

// maxDepth bounds what walks into nested values.
const maxDepth = 200

// equal is Python's ==.
func equal(a, b any) bool { return equalAt(a, b, 0) }

func equalAt(a, b any, depth int) bool {
	if depth > maxDepth {
		return false
	}
	if s, ok := text(a); ok {
		t, ok := text(b)
		return ok && s == t
	}
	if isNumber(a) && isNumber(b) {
		return order(a, b) == 0 && a == a && b == b //nolint:staticcheck // not a number
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case []any:
		b, ok := b.([]any)
		return ok && sequencesEqual(a, b, depth)
	case Tuple:
		b, ok := b.(Tuple)
		return ok && sequencesEqual(a, b, depth)
	case *Dict:
		b, ok := b.(*Dict)
		if !ok || len(a.keys) != len(b.keys) {
			return false
		}
		for i, k := range a.keys {
			v, ok, _ := b.get(k)
			if !ok || !equalAt(a.vals[i], v, depth+1) {
				return false
			}
		}
		return true
	case *undefined:
		_, ok := b.(*undefined)
		return ok
	case intRange:
		b, ok := b.(intRange)
		if !ok || a.len() != b.len() {
			return false
		}
		return a.len() == 0 || a.start == b.start && (a.len() == 1 || a.step == b.step)
	case view:
		b, ok := b.(view)
		return ok && a == b
	case method, builtin:
		return false
	}
	switch b.(type) {
	case nil, []any, Tuple, *Dict, method, builtin:
		return false
	}
	return a == b
}

func sequencesEqual(a, b []any, depth int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equalAt(a[i], b[i], depth+1) {
			return false
		}
	}
	return true
}

// order compares two numbers; a number that is none is smaller.
func order(a, b any) int {
	x, okX := plainInt(a)
	y, okY := plainInt(b)
	if okX && okY {
		return cmp.Compare(x, y)
	}
	i, j := asBig(a), asBig(b)
	if i != nil && j != nil {
		return i.Cmp(j)
	}
	f, _ := asFloat(a)
	g, _ := asFloat(b)
	switch {
	case i != nil && g == g: // exact, as in Python
		return new(big.Float).SetInt(i).Cmp(big.NewFloat(g))
	case j != nil && f == f:
		return big.NewFloat(f).Cmp(new(big.Float).SetInt(j))
	}
	return cmp.Compare(f, g)
}

// less is a < b; op is the operator that the message names.
func less(op string, a, b any) (bool, *Error) { return lessAt(op, a, b, 0) }

func lessAt(op string, a, b any, depth int) (bool, *Error) {
	if depth > maxDepth {
		return false, errorf(LimitError, "values are nested more than %d levels deep", maxDepth)
	}
	for _, v := range []any{a, b} {
		if u, ok := v.(*undefined); ok {
			return false, u.err()
		}
	}
	if s, ok := text(a); ok {
		if t, ok := text(b); ok {
			return s < t, nil // UTF-8 sorts as its code points do
		}
	}
	if isNumber(a) && isNumber(b) {
		if a != a || b != b { //nolint:staticcheck // not a number
			return false, nil
		}
		return order(a, b) < 0, nil
	}
	x, okX := items(a)
	y, okY := items(b)
	if okX && okY && typeName(a) == typeName(b) {
		for i := range min(len(x), len(y)) {
			if !equalAt(x[i], y[i], depth+1) {
				return lessAt(op, x[i], y[i], depth+1)
			}
		}
		return len(x) < len(y), nil
	}
	return false, typeErrorf("'%s' not supported between instances of '%s' and '%s'", op, typeName(a), typeName(b))
}

// compare does ==, !=, <, <=, >, >=.
func compare(op string, a, b any) (bool, *Error) {
	switch op {
	case "==":
		return equal(a, b), nil
	case "!=":
		return !equal(a, b), nil
	case "<":
		return less(op, a, b)
	case ">":
		return swapped(op, a, b)
	}
	nan := func(v any) bool { return v != v } //nolint:staticcheck // not a number
	if isNumber(a) && isNumber(b) && (nan(a) || nan(b)) {
		return false, nil
	}
	if op == "<=" {
		l, err := swapped(op, a, b)
		return !l && err == nil, err
	}
	l, err := less(op, a, b)
	return !l && err == nil, err
}

// swapped is b < a, whose message names the values in the order of the template.
func swapped(op string, a, b any) (bool, *Error) {
	l, err := less(op, b, a)
	if err != nil {
		_, err = less(op, a, b)
	}
	return l, err
}
