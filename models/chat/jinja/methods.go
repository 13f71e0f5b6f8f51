package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// fixed is a method with parameters by place.
func fixed(name string, f func(r *run, of any, in []any) (any, *Error), params ...string) methodFunc {
	return func(r *run, of any, a args) (any, *Error) {
		in, err := a.bind(name, params)
		if err != nil {
			return nil, err
		}
		return f(r, of, in)
	}
}

// hidden are methods that change their value, which the sandbox does not let a template have.
func hidden(m map[string]methodFunc, names ...string) map[string]methodFunc {
	for _, name := range names {
		m[name] = nil
	}
	return m
}

func dictMethods() map[string]methodFunc {
	views := func(what string) methodFunc {
		return fixed(what, func(_ *run, of any, _ []any) (any, *Error) { return view{of.(*Dict), what}, nil })
	}
	return hidden(map[string]methodFunc{
		"items": views("items"), "keys": views("keys"), "values": views("values"),
		"get": fixed("get", func(_ *run, of any, in []any) (any, *Error) {
			v, ok, err := of.(*Dict).get(in[0])
			if !ok && given(in[1]) {
				v = in[1]
			}
			return v, err
		}, "key", "default?"),
		"copy": fixed("copy", func(_ *run, of any, _ []any) (any, *Error) { return of, nil }),
	}, "clear", "pop", "popitem", "setdefault", "update")
}

func listMethods() map[string]methodFunc {
	return hidden(map[string]methodFunc{
		"count": fixed("count", func(r *run, of any, in []any) (any, *Error) {
			all, _ := items(of)
			n := 0
			for _, e := range all {
				if equal(e, in[0]) {
					n++
				}
			}
			return n, r.step(len(all))
		}, "value"),
		"index": fixed("index", func(r *run, of any, in []any) (any, *Error) {
			all, _ := items(of)
			from, to, _, err := bounds(len(all), in[1], in[2], nil)
			if err != nil {
				return nil, err
			}
			for i := from; i < to; i++ {
				if equal(all[i], in[0]) {
					return i, r.step(i)
				}
			}
			return nil, errorf(ValueError, "value is not in %s", typeName(of))
		}, "value", "start?", "stop?"),
		"copy": fixed("copy", func(_ *run, of any, _ []any) (any, *Error) { return of, nil }),
	}, "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort")
}

func numberMethods() map[string]methodFunc {
	return map[string]methodFunc{
		"is_integer": fixed("is_integer", func(_ *run, of any, _ []any) (any, *Error) {
			f, ok := of.(float64)
			return !ok || f == float64(int(f)), nil
		}),
	}
}

// textMethods are the methods of str.
func textMethods() map[string]methodFunc {
	m := map[string]methodFunc{"format": formatMethod}
	texts := func(name string, f func(r *run, s string, in []any) (any, *Error), params ...string) {
		m[name] = fixed(name, func(r *run, of any, in []any) (any, *Error) {
			s, _ := text(of)
			if err := r.step(len(s) >> 8); err != nil {
				return nil, err
			}
			return f(r, s, in)
		}, params...)
	}
	for name, f := range map[string]func(string) string{
		"upper": upper, "lower": lower, "casefold": lower, "capitalize": capitalize, "title": methodTitle, "swapcase": swapCase,
	} {
		texts(name, func(r *run, s string, _ []any) (any, *Error) { return f(s), r.spend(len(s)) })
	}
	for name, f := range map[string]func(string) bool{
		"isspace": all(isSpace), "isalpha": all(unicode.IsLetter), "isdigit": all(unicode.IsDigit), "isdecimal": all(unicode.IsDigit),
		"isnumeric": all(unicode.IsNumber), "isalnum": all(func(c rune) bool { return unicode.IsLetter(c) || unicode.IsNumber(c) }),
		"isascii": isASCII, "isprintable": func(s string) bool { return s == "" || all(unicode.IsPrint)(s) },
		"islower": func(s string) bool {
			return strings.IndexFunc(s, unicode.IsLower) >= 0 && strings.IndexFunc(s, unicode.IsUpper) < 0
		},
		"isupper": func(s string) bool {
			return strings.IndexFunc(s, unicode.IsUpper) >= 0 && strings.IndexFunc(s, unicode.IsLower) < 0
		},
		"istitle": func(s string) bool { return methodTitle(s) == s && strings.IndexFunc(s, unicode.IsLetter) >= 0 },
		"isidentifier": func(s string) bool {
			return s != "" && !unicode.IsDigit(rune(s[0])) && all(func(c rune) bool { return c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c) })(s)
		},
	} {
		texts(name, func(_ *run, s string, _ []any) (any, *Error) { return f(s), nil })
	}
	for name, sides := range map[string][2]bool{"strip": {true, true}, "lstrip": {true, false}, "rstrip": {false, true}} {
		texts(name, func(_ *run, s string, in []any) (any, *Error) { return strip(s, in[0], sides[0], sides[1], name) }, "chars?")
	}
	for name, f := range map[string]func(s, part string) bool{"startswith": strings.HasPrefix, "endswith": strings.HasSuffix} {
		texts(name, func(_ *run, s string, in []any) (any, *Error) { return affix(s, in, f, name) }, "prefix", "start?", "end?")
	}
	for name, f := range map[string]func(s, part string) string{"removeprefix": strings.TrimPrefix, "removesuffix": strings.TrimSuffix} {
		texts(name, func(_ *run, s string, in []any) (any, *Error) {
			part, err := wantText(in[0], name)
			return f(s, part), err
		}, "part")
	}
	for name, left := range map[string]bool{"split": true, "rsplit": false} {
		texts(name, func(r *run, s string, in []any) (any, *Error) { return r.split(s, in, left) }, "sep?", "maxsplit?")
	}
	for name, left := range map[string]bool{"partition": true, "rpartition": false} {
		texts(name, func(_ *run, s string, in []any) (any, *Error) { return partition(s, in[0], left) }, "sep")
	}
	for name, last := range map[string]bool{"find": false, "rfind": true, "index": false, "rindex": true} {
		texts(name, func(_ *run, s string, in []any) (any, *Error) {
			at, err := find(s, in, last)
			if err == nil && at < 0 && strings.HasSuffix(name, "index") {
				err = errorf(ValueError, "substring not found")
			}
			return at, err
		}, "sub", "start?", "end?")
	}
	texts("count", func(_ *run, s string, in []any) (any, *Error) {
		sub, err := wantText(in[0], "count")
		if err != nil {
			return nil, err
		}
		s, _, err = window(s, in[1], in[2])
		return strings.Count(s, sub), err
	}, "sub", "start?", "end?")
	texts("replace", func(r *run, s string, in []any) (any, *Error) {
		old, err := wantText(in[0], "replace() argument 1")
		if err != nil {
			return nil, err
		}
		with, err := wantText(in[1], "replace() argument 2")
		if err != nil {
			return nil, err
		}
		n, err := intOr(in[2], -1)
		if err != nil {
			return nil, err
		}
		return r.replace(s, old, with, n)
	}, "old", "new", "count?")
	texts("splitlines", func(r *run, s string, in []any) (any, *Error) {
		return r.texts(splitLines(s, given(in[0]) && truth(in[0])))
	}, "keepends?")
	texts("join", func(r *run, s string, in []any) (any, *Error) {
		all, err := r.list(in[0])
		if err != nil {
			return nil, err
		}
		parts := make([]string, len(all))
		total := 0
		for i, e := range all {
			part, ok := text(e)
			if !ok {
				return nil, typeErrorf("sequence item %d: expected str instance, %s found", i, typeName(e))
			}
			parts[i] = part
			if total += len(part) + len(s); total > r.limits.Bytes {
				break
			}
		}
		if err := r.spend(total); err != nil {
			return nil, err
		}
		return strings.Join(parts, s), nil
	}, "iterable")
	for name, f := range map[string]func(r *run, s string, width int, fill string) (any, *Error){
		"center": (*run).center,
		"ljust":  func(r *run, s string, w int, fill string) (any, *Error) { return r.pad(s, 0, w, fill) },
		"rjust":  func(r *run, s string, w int, fill string) (any, *Error) { return r.pad(s, w, 0, fill) },
	} {
		texts(name, func(r *run, s string, in []any) (any, *Error) {
			width, err := asInt(in[0])
			if err != nil {
				return nil, err
			}
			fill := " "
			if given(in[1]) {
				fill, _ = text(in[1])
			}
			if utf8.RuneCountInString(fill) != 1 {
				return nil, typeErrorf("The fill character must be exactly one character long")
			}
			return f(r, s, width, fill)
		}, "width", "fillchar?")
	}
	texts("zfill", func(r *run, s string, in []any) (any, *Error) {
		width, err := asInt(in[0])
		if err != nil {
			return nil, err
		}
		sign := ""
		if s != "" && (s[0] == '-' || s[0] == '+') {
			sign = s[:1]
		}
		v, err := r.pad(s[len(sign):], width-len(sign), 0, "0")
		if err != nil {
			return nil, err
		}
		return sign + v.(string), nil
	}, "width")
	texts("expandtabs", func(r *run, s string, in []any) (any, *Error) {
		size, err := intOr(in[0], 8)
		if err != nil {
			return nil, err
		}
		size = min(max(size, 0), 1000)
		if err := r.spend(len(s) + size*strings.Count(s, "\t")); err != nil {
			return nil, err
		}
		var b strings.Builder
		column := 0
		for _, c := range s {
			switch c {
			case '\t':
				n := 0
				if size > 0 {
					n = size - column%size
				}
				b.WriteString(strings.Repeat(" ", n))
				column += n
			case '\n', '\r':
				b.WriteRune(c)
				column = 0
			default:
				b.WriteRune(c)
				column++
			}
		}
		return b.String(), nil
	}, "tabsize?")
	return m
}

// all says whether a text has characters and all are of a kind.
func all(is func(rune) bool) func(string) bool {
	return func(s string) bool {
		return s != "" && strings.IndexFunc(s, func(c rune) bool { return !is(c) }) < 0
	}
}

// texts is a list of texts.
func (r *run) texts(all []string) (any, *Error) {
	out := make([]any, len(all))
	for i, s := range all {
		out[i] = s
	}
	return out, r.spendItems(2 * len(all))
}

// window is the part of s between two places in characters, and the number of characters before it.
func window(s string, start, end any) (string, int, *Error) {
	if (start == nil || start == absent) && (end == nil || end == absent) {
		return s, 0, nil
	}
	chars := []rune(s)
	from, to, _, err := bounds(len(chars), start, end, nil)
	if err != nil || from >= to {
		return "", from, err
	}
	return string(chars[from:to]), from, nil
}

func affix(s string, in []any, has func(s, part string) bool, who string) (any, *Error) {
	s, _, err := window(s, in[1], in[2])
	if err != nil {
		return nil, err
	}
	if all, ok := in[0].(Tuple); ok {
		for _, e := range all {
			part, err := wantText(e, who)
			if err != nil {
				return nil, err
			}
			if has(s, part) {
				return true, nil
			}
		}
		return false, nil
	}
	if u, ok := in[0].(*undefined); ok {
		return nil, u.err()
	}
	part, ok := text(in[0])
	if !ok {
		return nil, typeErrorf("%s first arg must be str or a tuple of str, not %s", who, typeName(in[0]))
	}
	return has(s, part), nil
}

func find(s string, in []any, last bool) (int, *Error) {
	sub, err := wantText(in[0], "find")
	if err != nil {
		return 0, err
	}
	s, before, err := window(s, in[1], in[2])
	if err != nil {
		return 0, err
	}
	at := strings.Index(s, sub)
	if last {
		at = strings.LastIndex(s, sub)
	}
	if at < 0 {
		return -1, nil
	}
	return before + utf8.RuneCountInString(s[:at]), nil
}

func partition(s string, by any, left bool) (any, *Error) {
	sep, err := wantText(by, "partition")
	if err != nil {
		return nil, err
	}
	if sep == "" {
		return nil, errorf(ValueError, "empty separator")
	}
	if left {
		before, after, ok := strings.Cut(s, sep)
		if !ok {
			return Tuple{s, "", ""}, nil
		}
		return Tuple{before, sep, after}, nil
	}
	if i := strings.LastIndex(s, sep); i >= 0 {
		return Tuple{s[:i], sep, s[i+len(sep):]}, nil
	}
	return Tuple{"", "", s}, nil
}

// split is Python's split or rsplit.
func (r *run) split(s string, in []any, left bool) (any, *Error) {
	most, err := intOr(in[1], -1)
	if err != nil {
		return nil, err
	}
	if most < 0 {
		most = len(s) + 1
	}
	if !given(in[0]) || in[0] == nil {
		return r.texts(splitBlanks(s, most, left))
	}
	sep, err := wantText(in[0], "split")
	switch {
	case err != nil:
		return nil, err
	case sep == "":
		return nil, errorf(ValueError, "empty separator")
	case left:
		return r.texts(strings.SplitN(s, sep, most+1))
	}
	parts := strings.Split(s, sep)
	if extra := len(parts) - 1 - most; extra > 0 {
		parts = append([]string{strings.Join(parts[:extra+1], sep)}, parts[extra+1:]...)
	}
	return r.texts(parts)
}

// splitBlanks cuts at runs of blanks, at most so many times; blanks where it begins do not count.
func splitBlanks(s string, most int, left bool) []string {
	var out []string
	if left {
		s = strings.TrimLeftFunc(s, isSpace)
		for s != "" {
			i := strings.IndexFunc(s, isSpace)
			if most == 0 {
				return append(out, s)
			}
			if i < 0 {
				return append(out, s)
			}
			out = append(out, s[:i])
			s = strings.TrimLeftFunc(s[i:], isSpace)
			most--
		}
		return out
	}
	s = strings.TrimRightFunc(s, isSpace)
	for s != "" {
		i := strings.LastIndexFunc(s, isSpace)
		if most == 0 {
			out = append(out, s)
			break
		}
		_, n := utf8.DecodeRuneInString(s[max(i, 0):])
		if i < 0 {
			i, n = 0, 0
		}
		out = append(out, s[i+n:])
		s = strings.TrimRightFunc(s[:i], isSpace)
		most--
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// pad fills up to a width on the left or on the right.
func (r *run) pad(s string, left, right int, fill string) (any, *Error) {
	n := utf8.RuneCountInString(s)
	left, right = max(left-n, 0), max(right-n, 0)
	if left > r.limits.Bytes || right > r.limits.Bytes {
		return nil, r.spend(r.limits.Bytes + 1)
	}
	if err := r.spend(len(s) + (left+right)*len(fill)); err != nil {
		return nil, err
	}
	return strings.Repeat(fill, left) + s + strings.Repeat(fill, right), nil
}

// center puts s in the middle; an odd blank goes where Python puts it.
func (r *run) center(s string, width int, fill string) (any, *Error) {
	n := utf8.RuneCountInString(s)
	gap := width - n
	if gap <= 0 {
		return s, nil
	}
	left := gap/2 + gap&width&1
	if gap > r.limits.Bytes/len(fill) {
		return nil, r.spend(r.limits.Bytes + 1)
	}
	if err := r.spend(len(s) + gap*len(fill)); err != nil {
		return nil, err
	}
	return strings.Repeat(fill, left) + s + strings.Repeat(fill, gap-left), nil
}
