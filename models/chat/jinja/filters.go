package jinja

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// filters lists the filters. Those that hand values on one by one are in lazy.go.
func filters() []builtin {
	def := func(name string, f func(r *run, in []any) (any, *Error), params ...string) builtin {
		return builtin{name: name, params: params, f: f}
	}
	// texts are filters that are a method of the value's text.
	texts := func(name string, f func(s string) string) builtin {
		return def(name, func(r *run, in []any) (any, *Error) {
			s, err := r.str(in[0])
			if err == nil {
				err = r.spend(len(s))
			}
			return f(s), err
		}, "s")
	}
	return append(lazyFilters(),
		texts("upper", upper), texts("lower", lower), texts("capitalize", capitalize), texts("title", title),
		texts("string", func(s string) string { return s }),
		def("safe", func(r *run, in []any) (any, *Error) { s, err := r.str(in[0]); return markup(s), err }, "s"),
		def("escape", escapeFilter, "s"),
		def("forceescape", func(r *run, in []any) (any, *Error) { s, err := r.str(in[0]); return escape(s), err }, "s"),
		def("trim", func(r *run, in []any) (any, *Error) {
			s, err := r.str(in[0])
			if err != nil {
				return nil, err
			}
			return strip(s, in[1], true, true, "trim")
		}, "s", "chars?"),
		def("replace", replaceFilter, "s", "old", "new", "count?"),
		def("center", func(r *run, in []any) (any, *Error) {
			s, err := r.str(in[0])
			if err != nil {
				return nil, err
			}
			width, err := intOr(in[1], 80)
			if err != nil {
				return nil, err
			}
			return r.center(s, width, " ")
		}, "s", "width?"),
		def("indent", indent, "s", "width?", "first?", "blank?"),
		def("truncate", truncate, "s", "length?", "killwords?", "end?", "leeway?"),
		def("wordcount", func(r *run, in []any) (any, *Error) {
			s, err := r.str(in[0])
			word := func(c rune) bool { return c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.IsNumber(c) }
			return len(strings.FieldsFunc(s, func(c rune) bool { return !word(c) })), err
		}, "s"),
		def("urlencode", urlencode, "value"),
		builtin{name: "format", raw: formatFilter},

		def("abs", absolute, "x"),
		def("int", toInt, "value", "default?", "base?"),
		def("float", toFloat, "value", "default?"),
		def("round", round, "value", "precision?", "method?"),

		def("length", func(_ *run, in []any) (any, *Error) { n, err := length(in[0]); return n, err }, "obj"),
		def("default", func(_ *run, in []any) (any, *Error) {
			if _, u := in[0].(*undefined); !u && !(given(in[2]) && truth(in[2]) && !truth(in[0])) {
				return in[0], nil
			}
			if !given(in[1]) {
				return "", nil
			}
			return in[1], nil
		}, "value", "default_value?", "boolean?"),
		def("attr", func(r *run, in []any) (any, *Error) {
			name, err := wantText(in[1], "attr")
			if err != nil {
				return nil, err
			}
			if u, ok := in[0].(*undefined); ok {
				return nil, u.err()
			}
			v, ok, err := r.own(in[0], name)
			if !ok && err == nil {
				v = &undefined{of: in[0], name: name, kind: UndefinedError}
			}
			return v, err
		}, "obj", "name"),
		def("list", func(r *run, in []any) (any, *Error) {
			all, err := r.list(in[0])
			if err == nil {
				err = r.spendItems(len(all))
			}
			if err != nil {
				return nil, err
			}
			return slices.Clone(all), nil
		}, "value"),
		def("first", func(r *run, in []any) (any, *Error) {
			next, err := r.iterate(in[0])
			if err != nil {
				return nil, err
			}
			v, ok, err := next()
			if !ok && err == nil {
				v = &undefined{kind: UndefinedError, hint: "No first item, sequence was empty."}
			}
			return v, err
		}, "seq"),
		def("last", last, "seq"),
		def("reverse", reverse, "value"),
		def("join", join, "value", "d?", "attribute?"),
		def("sort", sorted, "value", "reverse?", "case_sensitive?", "attribute?"),
		def("dictsort", dictsort, "value", "case_sensitive?", "by?", "reverse?"),
		def("groupby", groupby, "value", "attribute", "default?", "case_sensitive?"),
		def("min", func(r *run, in []any) (any, *Error) { return extreme(r, in, false) }, "value", "case_sensitive?", "attribute?"),
		def("max", func(r *run, in []any) (any, *Error) { return extreme(r, in, true) }, "value", "case_sensitive?", "attribute?"),
		def("sum", sum, "iterable", "attribute?", "start?"),
		def("tojson", tojson, "x", "ensure_ascii?", "indent?", "separators?", "sort_keys?"),
	)
}

func escapeFilter(r *run, in []any) (any, *Error) {
	if m, ok := in[0].(markup); ok {
		return m, nil
	}
	s, err := r.str(in[0])
	if err == nil {
		err = r.spend(5 * len(s))
	}
	return escape(s), err
}

func escape(s string) markup {
	return markup(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&#39;", `"`, "&#34;").Replace(s))
}

func intOr(v any, otherwise int) (int, *Error) {
	if !given(v) || v == nil {
		return otherwise, nil
	}
	return asInt(v)
}

func replaceFilter(r *run, in []any) (any, *Error) {
	var s [3]string
	for i := range s {
		var err *Error
		if s[i], err = r.str(in[i]); err != nil {
			return nil, err
		}
	}
	n, err := intOr(in[3], -1)
	if err != nil {
		return nil, err
	}
	return r.replace(s[0], s[1], s[2], n)
}

func (r *run) replace(s, old, with string, n int) (any, *Error) {
	found := strings.Count(s, old)
	if n >= 0 {
		found = min(found, n)
	}
	if len(with) > 0 && found > r.limits.Bytes/len(with) {
		return nil, r.spend(r.limits.Bytes + 1)
	}
	if err := r.spend(len(s) + found*len(with)); err != nil {
		return nil, err
	}
	return strings.Replace(s, old, with, n), nil
}

func indent(r *run, in []any) (any, *Error) {
	s, err := wantText(in[0], "indent")
	if err != nil {
		return nil, err
	}
	with, ok := text(in[1])
	if !ok {
		n, err := intOr(in[1], 4)
		if err == nil {
			err = r.spend(max(n, 0))
		}
		if err != nil {
			return nil, err
		}
		with = strings.Repeat(" ", max(n, 0))
	}
	lines := splitLines(s+"\n", false)
	if len(with) > 0 && len(lines) > r.limits.Bytes/len(with) {
		return nil, r.spend(r.limits.Bytes + 1)
	}
	if err := r.spend(2*len(s) + len(lines)*len(with)); err != nil {
		return nil, err
	}
	blank := given(in[3]) && truth(in[3])
	var b strings.Builder
	if given(in[2]) && truth(in[2]) {
		b.WriteString(with)
	}
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
			if line != "" || blank {
				b.WriteString(with)
			}
		}
		b.WriteString(line)
	}
	return b.String(), nil
}

func truncate(r *run, in []any) (any, *Error) {
	s, err := wantText(in[0], "truncate")
	if err != nil {
		return nil, err
	}
	n, err := intOr(in[1], 255)
	if err != nil {
		return nil, err
	}
	leeway, err := intOr(in[4], 5)
	if err != nil {
		return nil, err
	}
	end := "..."
	if given(in[3]) {
		if end, err = wantText(in[3], "truncate"); err != nil {
			return nil, err
		}
	}
	if err := r.spend(5 * len(s)); err != nil {
		return nil, err
	}
	chars, endChars := []rune(s), []rune(end)
	switch {
	case n < len(endChars):
		return nil, errorf("AssertionError", "expected length >= %d, got %d", len(endChars), n)
	case leeway < 0:
		return nil, errorf("AssertionError", "expected leeway >= 0, got %d", leeway)
	case len(chars) <= n || len(chars)-leeway <= n:
		return s, nil
	}
	cut := string(chars[:n-len(endChars)])
	if !given(in[2]) || !truth(in[2]) {
		if i := strings.LastIndexByte(cut, ' '); i >= 0 {
			cut = cut[:i]
		}
	}
	return cut + end, nil
}

func urlencode(r *run, in []any) (any, *Error) {
	quote := func(v any, query bool) (string, *Error) {
		s, err := r.str(v)
		if err == nil {
			err = r.spend(3 * len(s))
		}
		if err != nil {
			return "", err
		}
		var b strings.Builder
		for i := range len(s) {
			switch c := s[i]; {
			case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("_.-~", c) >= 0, c == '/' && !query:
				b.WriteByte(c)
			case c == ' ' && query:
				b.WriteByte('+')
			default:
				b.WriteString("%" + strings.ToUpper(strconv.FormatUint(uint64(c)|0x100, 16)[1:]))
			}
		}
		return b.String(), nil
	}
	_, isText := text(in[0])
	if isText || !isIterable(in[0]) {
		return quote(in[0], false)
	}
	var pairs []any
	if d, ok := in[0].(*Dict); ok {
		for i := range d.keys {
			pairs = append(pairs, Tuple{d.keys[i], d.vals[i]})
		}
	} else {
		var err *Error
		if pairs, err = r.list(in[0]); err != nil {
			return nil, err
		}
	}
	var out []string
	for _, p := range pairs {
		pair, err := r.list(p)
		if err != nil {
			return nil, err
		}
		if len(pair) != 2 {
			return nil, errorf(ValueError, "urlencode wants pairs")
		}
		k, err := quote(pair[0], true)
		if err != nil {
			return nil, err
		}
		v, err := quote(pair[1], true)
		if err != nil {
			return nil, err
		}
		out = append(out, k+"="+v)
	}
	return strings.Join(out, "&"), nil
}

func formatFilter(r *run, a args) (any, *Error) {
	if len(a.pos) == 0 {
		return nil, typeErrorf("format() missing required argument: 'value'")
	}
	s, err := r.str(a.pos[0])
	if err != nil {
		return nil, err
	}
	if len(a.names) == 0 {
		return r.percent(s, Tuple(a.pos[1:]))
	}
	if len(a.pos) > 1 {
		return nil, typeErrorf("can't handle positional and keyword arguments at the same time")
	}
	d := NewDict(len(a.names))
	for i, name := range a.names {
		d.Set(name, a.vals[i])
	}
	return r.percent(s, d)
}

func absolute(_ *run, in []any) (any, *Error) {
	switch x := in[0].(type) {
	case float64:
		return math.Abs(x), nil
	case *undefined:
		return nil, x.err()
	}
	i := asBig(in[0])
	if i == nil {
		return nil, typeErrorf("bad operand type for abs(): '%s'", typeName(in[0]))
	}
	return small(new(big.Int).Abs(i)), nil
}

func toInt(_ *run, in []any) (any, *Error) {
	var otherwise any = 0
	if given(in[1]) {
		otherwise = in[1]
	}
	base, err := intOr(in[2], 10)
	if err != nil {
		return nil, err
	}
	v := in[0]
	if u, ok := v.(*undefined); ok {
		return nil, u.err()
	}
	if s, ok := text(v); ok {
		if base == 1 || base < 0 || base > 36 {
			return otherwise, nil
		}
		if i, ok := parseInt(s, base); ok {
			return i, nil
		}
		f, ok := parseFloat(s)
		if !ok {
			return otherwise, nil
		}
		v = f
	}
	if i := asBig(v); i != nil {
		return small(i), nil
	}
	f, ok := v.(float64)
	if !ok || math.IsNaN(f) {
		return otherwise, nil
	}
	if math.IsInf(f, 0) {
		if _, isText := text(in[0]); isText {
			return otherwise, nil
		}
		return nil, errorf(OverflowError, "cannot convert float infinity to integer")
	}
	i, _ := big.NewFloat(f).Int(nil)
	return small(i), nil
}

// parseFloat is Python's float(text).
func parseFloat(s string) (float64, bool) {
	s = strings.TrimFunc(s, isSpace)
	switch strings.ToLower(strings.TrimLeft(s, "+-")) {
	case "inf", "infinity", "nan":
		f, err := strconv.ParseFloat(s, 64)
		return f, err == nil
	}
	for i := range len(s) {
		if strings.IndexByte("0123456789.eE+-_", s[i]) < 0 {
			return 0, false
		}
		if s[i] == '_' && (i == 0 || i+1 == len(s) || digitValue(s[i-1]) > 9 || digitValue(s[i+1]) > 9) {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	return f, err == nil || math.IsInf(f, 0)
}

func toFloat(_ *run, in []any) (any, *Error) {
	var otherwise any = 0.0
	if given(in[1]) {
		otherwise = in[1]
	}
	switch v := in[0].(type) {
	case *undefined:
		return nil, v.err()
	case string, markup:
		s, _ := text(v)
		if f, ok := parseFloat(s); ok {
			return f, nil
		}
		return otherwise, nil
	}
	f, ok := asFloat(in[0])
	switch {
	case !ok:
		return otherwise, nil
	case math.IsInf(f, 0) && in[0] != any(f):
		return nil, errorf(OverflowError, "int too large to convert to float")
	}
	return f, nil
}

func round(_ *run, in []any) (any, *Error) {
	if u, ok := in[0].(*undefined); ok {
		return nil, u.err()
	}
	precision, err := intOr(in[1], 0)
	if err != nil {
		return nil, err
	}
	precision = min(max(precision, -400), 400)
	how := "common"
	if given(in[2]) {
		how, _ = text(in[2])
	}
	f, ok := asFloat(in[0])
	if !ok {
		return nil, typeErrorf("type %s doesn't define __round__ method", typeName(in[0]))
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return f, nil
	}
	switch how {
	case "common":
		if i := asBig(in[0]); i != nil {
			return roundInt(i, precision), nil
		}
		return roundTo(f, precision), nil
	case "ceil", "floor":
		p := math.Pow(10, float64(precision))
		g := math.Floor(f * p)
		if how == "ceil" {
			g = math.Ceil(f * p)
		}
		return g / p, nil
	}
	return nil, errorf("FilterArgumentError", "method must be common, ceil or floor")
}

// roundInt rounds to tens, hundreds and so on for a negative precision, half to even.
func roundInt(i *big.Int, precision int) any {
	if precision >= 0 {
		return small(i)
	}
	p := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-precision)), nil)
	q, m := new(big.Int).DivMod(i, p, new(big.Int))
	switch c := new(big.Int).Lsh(m, 1).Cmp(p); {
	case c > 0, c == 0 && q.Bit(0) == 1:
		q.Add(q, big.NewInt(1))
	}
	return small(q.Mul(q, p))
}

// roundTo is Python's round of a float, which works on its exact decimal form.
func roundTo(f float64, precision int) float64 {
	if precision >= 0 {
		g, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', precision, 64), 64)
		return g
	}
	p := math.Pow(10, float64(-precision))
	return math.RoundToEven(f/p) * p
}

func last(_ *run, in []any) (any, *Error) {
	n, err := length(in[0])
	if err != nil {
		return nil, typeErrorf("'%s' object is not reversible", typeName(in[0]))
	}
	if n == 0 {
		return &undefined{kind: UndefinedError, hint: "No last item, sequence was empty."}, nil
	}
	switch v := in[0].(type) {
	case *Dict:
		return v.keys[n-1], nil
	case view:
		return v.at(n - 1), nil
	}
	v, _ := element(in[0], -1)
	return v, nil
}

func reverse(r *run, in []any) (any, *Error) {
	if s, ok := text(in[0]); ok {
		return r.slice(s, nil, nil, -1)
	}
	all, err := r.list(in[0])
	if err == nil {
		err = r.spendItems(len(all))
	}
	if err != nil {
		return nil, err
	}
	all = slices.Clone(all)
	slices.Reverse(all)
	if _, ok := in[0].(*generator); ok {
		return all, nil
	}
	return &generator{over(len(all), func(i int) any { return all[i] }), "reversed"}, nil
}

func join(r *run, in []any) (any, *Error) {
	between := ""
	var err *Error
	if given(in[1]) {
		if between, err = r.str(in[1]); err != nil {
			return nil, err
		}
	}
	next, err := r.iterate(in[0])
	if err != nil {
		return nil, err
	}
	get, err := r.getter(in[2], nil)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for i := 0; ; i++ {
		v, ok, err := next()
		if err != nil {
			return nil, err
		}
		if !ok {
			return b.String(), nil
		}
		if v, err = get(v); err != nil {
			return nil, err
		}
		s, err := r.str(v)
		if err == nil {
			err = r.spend(len(s) + len(between))
		}
		if err == nil {
			err = r.step(1)
		}
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString(s)
	}
}
