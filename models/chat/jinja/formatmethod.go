package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// formatMethod is Python's str.format.
func formatMethod(r *run, of any, a args) (any, *Error) {
	s, _ := text(of)
	f := &braces{r: r, args: a}
	out, err := f.expand(s, 0)
	if err != nil {
		return nil, err
	}
	return out, r.spend(len(out))
}

// braces expands fields in braces.
type braces struct {
	r    *run
	args args
	auto int // fields without a number so far
}

func (f *braces) expand(s string, depth int) (string, *Error) {
	if depth > 2 {
		return "", errorf(ValueError, "Max string recursion exceeded")
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c != '{' && c != '}':
			b.WriteByte(c)
			continue
		case i+1 < len(s) && s[i+1] == c:
			b.WriteByte(c)
			i++
			continue
		case c == '}':
			return "", errorf(ValueError, "Single '}' encountered in format string")
		}
		open, end := 0, i
		for ; end < len(s); end++ {
			if s[end] == '{' {
				open++
			} else if s[end] == '}' {
				if open--; open == 0 {
					break
				}
			}
		}
		if end >= len(s) {
			return "", errorf(ValueError, "expected '}' before end of string")
		}
		text, err := f.field(s[i+1:end], depth)
		if err == nil {
			err = f.r.spend(len(text))
		}
		if err != nil {
			return "", err
		}
		b.WriteString(text)
		i = end
	}
	return b.String(), nil
}

func (f *braces) field(s string, depth int) (string, *Error) {
	s, spec, _ := strings.Cut(s, ":")
	name, conversion, converted := strings.Cut(s, "!")
	spec, err := f.expand(spec, depth+1)
	if err != nil {
		return "", err
	}
	v, err := f.lookup(name)
	if err != nil {
		return "", err
	}
	if converted {
		switch conversion {
		case "s":
			v, err = f.r.str(v)
		case "r", "a":
			v, err = f.r.repr(v)
		default:
			return "", errorf(ValueError, "Unknown conversion specifier %s", shortRepr(conversion))
		}
		if err != nil {
			return "", err
		}
	}
	if spec == "" {
		return f.r.str(v)
	}
	return formatValue(f.r, v, spec)
}

// lookup finds 0, name, name.attribute or name[item].
func (f *braces) lookup(path string) (any, *Error) {
	end := strings.IndexAny(path, ".[")
	if end < 0 {
		end = len(path)
	}
	first, rest := path[:end], path[end:]
	var v any = absent
	if first == "" {
		first = strconv.Itoa(f.auto)
		f.auto++
	}
	if n, err := strconv.Atoi(first); err == nil {
		if n < 0 || n >= len(f.args.pos) {
			return nil, errorf(IndexError, "Replacement index %d out of range for positional args tuple", n)
		}
		v = f.args.pos[n]
	} else {
		for i, name := range f.args.names {
			if name == first {
				v = f.args.vals[i]
			}
		}
		if v == absent {
			return nil, errorf(KeyError, "%s", shortRepr(first))
		}
	}
	for rest != "" {
		var err *Error
		if rest[0] == '.' {
			end := strings.IndexAny(rest[1:], ".[") + 1
			if end == 0 {
				end = len(rest)
			}
			v, err = f.r.attribute(v, rest[1:end])
			rest = rest[end:]
		} else {
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return nil, errorf(ValueError, "Missing ']' in format string")
			}
			var key any = rest[1:end]
			if n, bad := strconv.Atoi(rest[1:end]); bad == nil {
				key = n
			}
			v, err = f.r.item(v, key)
			rest = rest[end+1:]
		}
		if err != nil {
			return nil, err
		}
	}
	return v, nil
}

// formatValue is Python's format(v, spec) of texts and numbers.
func formatValue(r *run, v any, spec string) (string, *Error) {
	bad := func() *Error {
		return errorf(ValueError, "Invalid format specifier %s for object of type '%s'", shortRepr(spec), typeName(v))
	}
	rest := spec
	fill, align := " ", byte(0)
	if _, n := utf8.DecodeRuneInString(rest); len(rest) > n && strings.IndexByte("<>=^", rest[n]) >= 0 {
		fill, align, rest = rest[:n], rest[n], rest[n+1:]
	} else if rest != "" && strings.IndexByte("<>=^", rest[0]) >= 0 {
		align, rest = rest[0], rest[1:]
	}
	p := percentSpec{precision: -1}
	if rest != "" && strings.IndexByte("+- ", rest[0]) >= 0 {
		p.plus, p.blank, rest = rest[0] == '+', rest[0] == ' ', rest[1:]
	}
	if strings.HasPrefix(rest, "#") {
		p.alt, rest = true, rest[1:]
	}
	if strings.HasPrefix(rest, "0") && align == 0 {
		fill, align, rest = "0", '=', rest[1:]
	}
	digits := func() int {
		n := 0
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		v, err := strconv.Atoi(rest[:n])
		if rest = rest[n:]; err != nil {
			return -1
		}
		return v
	}
	width := digits()
	group := ""
	if rest != "" && (rest[0] == ',' || rest[0] == '_') {
		group, rest = rest[:1], rest[1:]
	}
	if strings.HasPrefix(rest, ".") {
		rest = rest[1:]
		if p.precision = digits(); p.precision < 0 {
			return "", bad()
		}
	}
	letter := byte(0)
	if rest != "" {
		letter, rest = rest[0], rest[1:]
	}
	if rest != "" || width > r.limits.Bytes || p.precision > 10000 {
		return "", bad()
	}
	sign, body := "", ""
	var err *Error
	s, isText := text(v)
	_, isBool := v.(bool)
	switch {
	case isText || isBool && letter == 's':
		if letter != 0 && letter != 's' || align == '=' && fill != "0" || group != "" || p.plus || p.blank || p.alt {
			return "", bad()
		}
		if isBool {
			s, err = r.str(v)
		}
		if body = s; p.precision >= 0 {
			if chars := []rune(s); len(chars) > p.precision {
				body = string(chars[:p.precision])
			}
		}
		if align == 0 || align == '=' {
			align = '<'
		}
	case isNumber(v):
		if sign, body, err = formatNumber(&p, v, letter, group); err == nil && body == "" {
			err = bad()
		}
		if align == 0 {
			align = '>'
		}
	default:
		return "", typeErrorf("unsupported format string passed to %s.__format__", typeName(v))
	}
	if err != nil {
		return "", err
	}
	gap := max(width-utf8.RuneCountInString(body)-len(sign), 0)
	if err := r.spend(gap * len(fill)); err != nil {
		return "", err
	}
	switch align {
	case '<':
		return sign + body + strings.Repeat(fill, gap), nil
	case '^':
		return strings.Repeat(fill, gap/2) + sign + body + strings.Repeat(fill, gap-gap/2), nil
	case '=':
		return sign + strings.Repeat(fill, gap) + body, nil
	}
	return strings.Repeat(fill, gap) + sign + body, nil
}

// formatNumber is a number's sign and digits; no digits for a letter that means nothing.
func formatNumber(p *percentSpec, v any, letter byte, group string) (sign, body string, err *Error) {
	i := asBig(v)
	f, _ := asFloat(v)
	switch {
	case i != nil && (letter == 0 || strings.IndexByte("dbxXo", letter) >= 0):
		base := map[byte]int{'b': 2, 'x': 16, 'X': 16, 'o': 8}[letter]
		if base == 0 {
			base = 10
		}
		if p.precision >= 0 {
			return "", "", errorf(ValueError, "Precision not allowed in integer format specifier")
		}
		body = new(big.Int).Abs(i).Text(base)
		if letter == 'X' {
			body = strings.ToUpper(body)
		}
		sign = p.sign(i.Sign() < 0)
		if p.alt && base != 10 {
			sign += "0" + string(letter)
		}
	case letter == 0:
		sign = p.sign(math.Signbit(f))
		if body = floatRepr(math.Abs(f)); p.precision >= 0 {
			body = generalFloat(math.Abs(f), max(p.precision, 1), p.alt)
		}
	case letter == '%' || strings.IndexByte("eEfFgG", letter) >= 0:
		sign = p.sign(math.Signbit(f))
		precision := p.precision
		if precision < 0 {
			precision = 6
		}
		if letter == '%' {
			body = floatText(100*math.Abs(f), 'f', precision, false) + "%"
		} else {
			body = floatText(math.Abs(f), letter, precision, p.alt)
		}
	}
	if group != "" {
		end := 0
		for end < len(body) && body[end] >= '0' && body[end] <= '9' {
			end++
		}
		for at := end - 3; at > 0; at -= 3 {
			body = body[:at] + group + body[at:]
		}
	}
	return sign, body, nil
}
