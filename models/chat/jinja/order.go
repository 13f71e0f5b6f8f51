package jinja

import (
	"slices"
	"strconv"
	"strings"
)

// getter reads an attribute such as "a.b.0" of a value; without one it is the value. what is missing becomes
// otherwise, unless that is nil.
func (r *run) getter(attribute, otherwise any) (func(v any) (any, *Error), *Error) {
	if !given(attribute) || attribute == nil {
		return func(v any) (any, *Error) { return v, nil }, nil
	}
	parts := []any{attribute}
	if s, ok := text(attribute); ok {
		parts = parts[:0]
		for _, part := range strings.Split(s, ".") {
			if n, err := strconv.Atoi(part); err == nil && part != "" && part[0] >= '0' && part[0] <= '9' {
				parts = append(parts, n)
			} else {
				parts = append(parts, part)
			}
		}
	}
	return func(v any) (any, *Error) {
		for _, part := range parts {
			var err *Error
			if v, err = r.item(v, part); err != nil {
				return nil, err
			}
			if _, u := v.(*undefined); u && otherwise != nil && otherwise != absent {
				v = otherwise
			}
		}
		return v, nil
	}, nil
}

// folded makes texts compare without regard to case.
func folded(v any, sensitive any) any {
	if s, ok := text(v); ok && !(given(sensitive) && truth(sensitive)) {
		return lower(s)
	}
	return v
}

// threeWay is the order of two values.
func threeWay(a, b any) (int, *Error) {
	l, err := less("<", a, b)
	if err != nil || l {
		return -1, err
	}
	l, err = less("<", b, a)
	if l {
		return 1, err
	}
	return 0, err
}

// sortBy sorts values by keys; equal ones keep their order.
func (r *run) sortBy(all, keys []any, descending bool) ([]any, *Error) {
	if err := r.spendItems(3 * len(all)); err != nil {
		return nil, err
	}
	index := make([]int, len(all))
	for i := range index {
		index[i] = i
	}
	var err *Error
	slices.SortStableFunc(index, func(a, b int) int {
		if err != nil {
			return 0
		}
		if err = r.step(1); err != nil {
			return 0
		}
		var c int
		if c, err = threeWay(keys[a], keys[b]); descending {
			c = -c
		}
		return c
	})
	out := make([]any, len(all))
	for i, n := range index {
		out[i] = all[n]
	}
	return out, err
}

func sorted(r *run, in []any) (any, *Error) {
	all, err := r.list(in[0])
	if err != nil {
		return nil, err
	}
	attributes := []any{in[3]}
	if s, ok := text(in[3]); ok {
		attributes = attributes[:0]
		for _, a := range strings.Split(s, ",") {
			attributes = append(attributes, a)
		}
	}
	keys := make([]any, len(all))
	for _, a := range attributes {
		get, err := r.getter(a, nil)
		if err != nil {
			return nil, err
		}
		for i, v := range all {
			k, err := get(v)
			if err != nil {
				return nil, err
			}
			own, _ := keys[i].([]any)
			keys[i] = append(own, folded(k, in[2]))
		}
	}
	out, err := r.sortBy(all, keys, given(in[1]) && truth(in[1]))
	if err != nil {
		return nil, err
	}
	return out, nil
}

func dictsort(r *run, in []any) (any, *Error) {
	d, ok := in[0].(*Dict)
	if !ok {
		return nil, typeErrorf("dictsort wants a mapping, not %s", typeName(in[0]))
	}
	by := "key"
	if given(in[2]) {
		by, _ = text(in[2])
	}
	from := d.keys
	switch by {
	case "key":
	case "value":
		from = d.vals
	default:
		return nil, errorf("FilterArgumentError", `You can only sort by either "key" or "value"`)
	}
	pairs, keys := make([]any, len(from)), make([]any, len(from))
	for i, k := range from {
		pairs[i], keys[i] = Tuple{d.keys[i], d.vals[i]}, folded(k, in[1])
	}
	out, err := r.sortBy(pairs, keys, given(in[3]) && truth(in[3]))
	if err != nil {
		return nil, err
	}
	return out, nil
}

func groupby(r *run, in []any) (any, *Error) {
	all, err := r.list(in[0])
	if err != nil {
		return nil, err
	}
	get, err := r.getter(in[1], in[2])
	if err != nil {
		return nil, err
	}
	keys := make([]any, len(all))
	for i, v := range all {
		k, err := get(v)
		if err != nil {
			return nil, err
		}
		keys[i] = folded(k, in[3])
	}
	if all, err = r.sortBy(all, keys, false); err != nil {
		return nil, err
	}
	groups := []any{}
	var group []any
	var last any
	for i, v := range all {
		k, err := get(v)
		if err != nil {
			return nil, err
		}
		if f := folded(k, in[3]); i == 0 || !equal(f, last) {
			if i > 0 {
				groups[len(groups)-1].(Tuple)[1] = group
			}
			group, last = nil, f
			groups = append(groups, Tuple{k, nil})
		}
		group = append(group, v)
	}
	if len(groups) > 0 {
		groups[len(groups)-1].(Tuple)[1] = group
	}
	return groups, nil
}

func extreme(r *run, in []any, largest bool) (any, *Error) {
	next, err := r.iterate(in[0])
	if err != nil {
		return nil, err
	}
	get, err := r.getter(in[2], nil)
	if err != nil {
		return nil, err
	}
	var best, bestKey any = absent, nil
	for {
		v, ok, err := next()
		if err == nil {
			err = r.step(1)
		}
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		k, err := get(v)
		if err != nil {
			return nil, err
		}
		k = folded(k, in[1])
		better := best == absent
		if !better {
			if largest {
				better, err = swapped(">", k, bestKey)
			} else {
				better, err = less("<", k, bestKey)
			}
			if err != nil {
				return nil, err
			}
		}
		if better {
			best, bestKey = v, k
		}
	}
	if best == absent {
		return &undefined{kind: UndefinedError, hint: "No aggregated item, sequence was empty."}, nil
	}
	return best, nil
}

func sum(r *run, in []any) (any, *Error) {
	next, err := r.iterate(in[0])
	if err != nil {
		return nil, err
	}
	get, err := r.getter(in[1], nil)
	if err != nil {
		return nil, err
	}
	var total any = 0
	if given(in[2]) {
		if _, ok := text(in[2]); ok {
			return nil, typeErrorf("sum() can't sum strings [use ''.join(seq) instead]")
		}
		total = in[2]
	}
	for {
		v, ok, err := next()
		if err != nil || !ok {
			return total, err
		}
		if v, err = get(v); err != nil {
			return nil, err
		}
		if total, err = r.operate("+", total, v); err != nil {
			return nil, err
		}
	}
}
