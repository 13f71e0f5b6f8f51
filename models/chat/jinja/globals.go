package jinja

// maxRange is the longest range that jinja2's sandbox makes.
const maxRange = 100000

func globals() []builtin {
	return []builtin{
		{name: "range", params: []string{"start", "stop?", "step?"}, f: makeRange},
		{name: "dict", raw: makeDict},
		{name: "namespace", raw: func(r *run, a args) (any, *Error) {
			d, err := makeDict(r, a)
			if err != nil {
				return nil, err
			}
			return &namespace{d.(*Dict)}, nil
		}},
		{name: "cycler", params: []string{"*"}, f: func(_ *run, in []any) (any, *Error) {
			if len(in) == 0 {
				return nil, errorf(ValueError, "at least one item has to be provided")
			}
			return &cycler{all: in}, nil
		}},
		{name: "joiner", params: []string{"sep?"}, f: func(_ *run, in []any) (any, *Error) {
			if !given(in[0]) {
				in[0] = ", "
			}
			return &joiner{between: in[0]}, nil
		}},
		{name: "raise_exception", params: []string{"message"}, f: func(r *run, in []any) (any, *Error) {
			text, err := r.str(in[0])
			if err != nil {
				return nil, err
			}
			return nil, errorf(TemplateError, "%s", text)
		}},
		{name: "strftime_now", params: []string{"format"}, f: func(r *run, in []any) (any, *Error) {
			format, err := wantText(in[0], "strftime_now")
			if err != nil {
				return nil, err
			}
			out := strftime(format, r.now())
			return out, r.spend(len(out))
		}},
	}
}

func makeRange(_ *run, in []any) (any, *Error) {
	v := intRange{step: 1}
	for i, to := range []*int{&v.start, &v.stop, &v.step} {
		if !given(in[i]) {
			continue
		}
		n, err := asInt(in[i])
		if err != nil {
			return nil, err
		}
		*to = n
	}
	if !given(in[1]) {
		v.start, v.stop = 0, v.start
	}
	const far = 1 << 40
	switch {
	case v.step == 0:
		return nil, errorf(ValueError, "range() arg 3 must not be zero")
	case abs(v.start) > far || abs(v.stop) > far || abs(v.step) > far || v.len() > maxRange:
		return nil, errorf(OverflowError, "Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).", maxRange)
	}
	return v, nil
}

// makeDict is Python's dict(mapping or pairs, key=value...).
func makeDict(r *run, a args) (any, *Error) {
	if len(a.pos) > 1 {
		return nil, typeErrorf("dict expected at most 1 argument, got %d", len(a.pos))
	}
	d := NewDict(len(a.names))
	if len(a.pos) == 1 {
		if from, ok := a.pos[0].(*Dict); ok {
			for i, k := range from.keys {
				if err := d.set(k, from.vals[i]); err != nil {
					return nil, err
				}
			}
		} else {
			pairs, err := r.list(a.pos[0])
			if err != nil {
				return nil, err
			}
			for i, p := range pairs {
				pair, err := r.list(p)
				if err != nil {
					return nil, typeErrorf("cannot convert dictionary update sequence element #%d to a sequence", i)
				}
				if len(pair) != 2 {
					return nil, errorf(ValueError, "dictionary update sequence element #%d has length %d; 2 is required", i, len(pair))
				}
				if err := d.set(pair[0], pair[1]); err != nil {
					return nil, err
				}
			}
		}
	}
	for i, name := range a.names {
		d.Set(name, a.vals[i])
	}
	return d, r.spendItems(2 * len(d.keys))
}

// cycler gives its values by turns.
type cycler struct {
	all []any
	at  int
}

func (c *cycler) member(name string) any {
	switch name {
	case "current":
		return c.all[c.at]
	case "next":
		return builtin{name: "next", f: func(*run, []any) (any, *Error) {
			v := c.all[c.at]
			c.at = (c.at + 1) % len(c.all)
			return v, nil
		}}
	case "reset":
		return builtin{name: "reset", f: func(*run, []any) (any, *Error) {
			c.at = 0
			return nil, nil
		}}
	}
	return nil
}

// joiner gives nothing the first time and then what stands between.
type joiner struct {
	between any
	used    bool
}

func (j *joiner) call() any {
	if !j.used {
		j.used = true
		return ""
	}
	return j.between
}

func wantText(v any, who string) (string, *Error) {
	if u, ok := v.(*undefined); ok {
		return "", u.err()
	}
	s, ok := text(v)
	if !ok {
		return "", typeErrorf("%s: want a text, have %s", who, typeName(v))
	}
	return s, nil
}
