package jinja

// lazyFilters are those that hand on one value after the other, when it is asked for.
func lazyFilters() []builtin {
	return []builtin{
		{name: "map", raw: mapFilter},
		{name: "select", raw: func(r *run, a args) (any, *Error) { return choose(r, a, "select", true, false) }},
		{name: "reject", raw: func(r *run, a args) (any, *Error) { return choose(r, a, "reject", false, false) }},
		{name: "selectattr", raw: func(r *run, a args) (any, *Error) { return choose(r, a, "selectattr", true, true) }},
		{name: "rejectattr", raw: func(r *run, a args) (any, *Error) { return choose(r, a, "rejectattr", false, true) }},
		{name: "items", params: []string{"value"}, f: itemsFilter},
		{name: "unique", params: []string{"value", "case_sensitive?", "attribute?"}, f: unique},
		{name: "batch", params: []string{"value", "linecount", "fill_with?"}, f: batch},
		{name: "slice", params: []string{"value", "slices", "fill_with?"}, f: slicesFilter},
	}
}

// subject is the sequence that a filter works on, and the arguments behind it.
func (r *run) subject(a args, who string) (iterator, args, *Error) {
	if len(a.pos) == 0 {
		return nil, a, typeErrorf("%s() missing required argument: 'value'", who)
	}
	v := a.pos[0]
	a.pos = a.pos[1:]
	if !truth(v) { // also what cannot be iterated
		return over(0, nil), a, nil
	}
	next, err := r.iterate(v)
	return next, a, err
}

func mapFilter(r *run, a args) (any, *Error) {
	next, a, err := r.subject(a, "map")
	if err != nil {
		return nil, err
	}
	var f func(v any) (any, *Error)
	if len(a.pos) == 0 {
		var attribute, otherwise any = absent, nil
		for i, name := range a.names {
			switch name {
			case "attribute":
				attribute = a.vals[i]
			case "default":
				otherwise = a.vals[i]
			default:
				return nil, errorf("FilterArgumentError", "Unexpected keyword argument %s", shortRepr(name))
			}
		}
		if attribute == absent {
			return nil, errorf("FilterArgumentError", "map requires a filter argument")
		}
		if f, err = r.getter(attribute, otherwise); err != nil {
			return nil, err
		}
	} else {
		name, err := wantText(a.pos[0], "map")
		if err != nil {
			return nil, err
		}
		b, ok := r.env.filters[name]
		if !ok {
			return nil, noFilter(name)
		}
		f = func(v any) (any, *Error) { return b.call(r, a.behind(v, 1)) }
	}
	return &generator{func() (any, bool, *Error) {
		v, ok, err := next()
		if err == nil {
			err = r.step(1)
		}
		if err != nil || !ok {
			return nil, false, err
		}
		v, err = f(v)
		return v, err == nil, err
	}, "sync_do_map"}, nil
}

// behind is a call with v as first argument, instead of the first n.
func (a args) behind(v any, n int) args {
	a.pos = append([]any{v}, a.pos[n:]...)
	return a
}

// choose passes on the values for which a test holds (or does not), by an attribute of theirs where wanted.
func choose(r *run, a args, who string, want, attribute bool) (any, *Error) {
	next, a, err := r.subject(a, who)
	if err != nil {
		return nil, err
	}
	get := func(v any) (any, *Error) { return v, nil }
	if attribute {
		if len(a.pos) == 0 {
			return nil, errorf("FilterArgumentError", "Missing parameter for attribute name")
		}
		if get, err = r.getter(a.pos[0], nil); err != nil {
			return nil, err
		}
		a.pos = a.pos[1:]
	}
	test := func(v any) (any, *Error) { return truth(v), nil }
	if len(a.pos) > 0 {
		name, err := wantText(a.pos[0], who)
		if err != nil {
			return nil, err
		}
		b, ok := r.env.tests[name]
		if !ok {
			return nil, noTest(name)
		}
		test = func(v any) (any, *Error) { return b.call(r, a.behind(v, 1)) }
	}
	return &generator{func() (any, bool, *Error) {
		for {
			v, ok, err := next()
			if err == nil {
				err = r.step(1)
			}
			if err != nil || !ok {
				return nil, false, err
			}
			of, err := get(v)
			if err != nil {
				return nil, false, err
			}
			yes, err := test(of)
			if err != nil {
				return nil, false, err
			}
			if truth(yes) == want {
				return v, true, nil
			}
		}
	}, "select_or_reject"}, nil
}

func itemsFilter(_ *run, in []any) (any, *Error) {
	switch v := in[0].(type) {
	case *undefined:
		return &generator{over(0, nil), "do_items"}, nil
	case *Dict:
		return &generator{over(len(v.keys), view{v, "items"}.at), "do_items"}, nil
	}
	return nil, typeErrorf("Can only get item pairs from a mapping.")
}

func unique(r *run, in []any) (any, *Error) {
	next, err := r.iterate(in[0])
	if err != nil {
		return nil, err
	}
	get, err := r.getter(in[2], nil)
	if err != nil {
		return nil, err
	}
	seen := map[any]bool{}
	return &generator{func() (any, bool, *Error) {
		for {
			v, ok, err := next()
			if err != nil || !ok {
				return nil, false, err
			}
			k, err := get(v)
			if err != nil {
				return nil, false, err
			}
			h, err := hashable(folded(k, in[1]))
			if err == nil {
				err = r.spend(4 * itemBytes)
			}
			if err != nil {
				return nil, false, err
			}
			if !seen[h] {
				seen[h] = true
				return v, true, nil
			}
		}
	}, "sync_do_unique"}, nil
}

func batch(r *run, in []any) (any, *Error) {
	all, err := r.list(in[0])
	if err != nil {
		return nil, err
	}
	n, err := asInt(in[1])
	if err != nil {
		return nil, err
	}
	if n <= 0 {
		n = len(all) // it never comes to a full batch
		if n == 0 {
			n = 1
		}
	}
	if given(in[2]) && in[2] != nil {
		if err := r.spendItems(min(n, r.limits.Bytes)); err != nil {
			return nil, err
		}
	}
	at := 0
	return &generator{func() (any, bool, *Error) {
		if at >= len(all) {
			return nil, false, nil
		}
		end := min(at+n, len(all))
		if n > len(all)-at {
			end = len(all)
		}
		b := append([]any(nil), all[at:end]...)
		at = end
		for given(in[2]) && in[2] != nil && len(b) < n {
			b = append(b, in[2])
		}
		return b, true, r.spendItems(len(b))
	}, "do_batch"}, nil
}

func slicesFilter(r *run, in []any) (any, *Error) {
	all, err := r.list(in[0])
	if err != nil {
		return nil, err
	}
	n, err := asInt(in[1])
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, errorf(DivisionError, "integer division or modulo by zero")
	}
	if err := r.spendItems(max(n, 0)); err != nil {
		return nil, err
	}
	out := []any{}
	at := 0
	for i := range max(n, 0) {
		size := len(all) / n
		if i < len(all)%n {
			size++
		}
		s := append([]any(nil), all[at:at+size]...)
		at += size
		if given(in[2]) && in[2] != nil && i >= len(all)%n {
			s = append(s, in[2])
		}
		out = append(out, s)
	}
	return &generator{over(len(out), func(i int) any { return out[i] }), "sync_do_slice"}, nil
}
