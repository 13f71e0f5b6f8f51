package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// percent is Python's format % values.
func (r *run) percent(format string, values any) (any, *Error) {
	args, tuple := values.(Tuple)
	if !tuple {
		args = Tuple{values}
	}
	d, _ := values.(*Dict)
	used := 0
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		if i++; i >= len(format) {
			return nil, errorf(ValueError, "incomplete format")
		}
		var spec percentSpec
		var key any = absent
		if format[i] == '(' {
			end := strings.IndexByte(format[i:], ')')
			if end < 0 {
				return nil, errorf(ValueError, "incomplete format key")
			}
			if d == nil {
				return nil, typeErrorf("format requires a mapping")
			}
			name := format[i+1 : i+end]
			v, ok := d.Get(name)
			if !ok {
				return nil, errorf(KeyError, "%s", shortRepr(name))
			}
			key = v
			i += end + 1
		}
		take := func() (any, *Error) {
			if key != absent {
				return key, nil
			}
			if used >= len(args) {
				return nil, typeErrorf("not enough arguments for format string")
			}
			used++
			return args[used-1], nil
		}
		var err *Error
		if i, err = spec.parse(format, i, take); err != nil {
			return nil, err
		}
		if i >= len(format) {
			return nil, errorf(ValueError, "incomplete format")
		}
		if format[i] == '%' {
			b.WriteByte('%')
			continue
		}
		v, err := take()
		if err != nil {
			return nil, err
		}
		s, err := spec.write(r, format[i], v)
		if err == nil {
			err = r.spend(len(s))
		}
		if err != nil {
			return nil, err
		}
		b.WriteString(s)
	}
	if used < len(args) && !subscriptable(values) {
		return nil, typeErrorf("not all arguments converted during string formatting")
	}
	return b.String(), r.spend(len(format))
}

// subscriptable says whether Python takes a value for a mapping, from which a format need not use all.
func subscriptable(v any) bool {
	switch v.(type) {
	case *Dict, []any, intRange, *undefined:
		return true
	}
	return false
}

// percentSpec is what stands between % and the letter.
type percentSpec struct {
	minus, plus, blank, zero, alt bool
	width, precision              int // precision -1 without one
}

func (p *percentSpec) parse(format string, i int, take func() (any, *Error)) (int, *Error) {
	p.precision = -1
flags:
	for ; i < len(format); i++ {
		switch format[i] {
		case '-':
			p.minus = true
		case '+':
			p.plus = true
		case ' ':
			p.blank = true
		case '0':
			p.zero = true
		case '#':
			p.alt = true
		default:
			break flags
		}
	}
	number := func(to *int) *Error {
		if i < len(format) && format[i] == '*' {
			i++
			v, err := take()
			if err != nil {
				return err
			}
			*to, err = asInt(v)
			return err
		}
		start := i
		for i < len(format) && format[i] >= '0' && format[i] <= '9' {
			i++
		}
		if i > start {
			n, err := strconv.Atoi(format[start:i])
			if err != nil {
				return errorf(ValueError, "width too big")
			}
			*to = n
		}
		return nil
	}
	if err := number(&p.width); err != nil {
		return i, err
	}
	if p.width < 0 {
		p.minus, p.width = true, -p.width
	}
	if i < len(format) && format[i] == '.' {
		i++
		p.precision = 0
		if err := number(&p.precision); err != nil {
			return i, err
		}
	}
	for i < len(format) && strings.IndexByte("hlL", format[i]) >= 0 {
		i++
	}
	return i, nil
}

func (p *percentSpec) write(r *run, letter byte, v any) (string, *Error) {
	var s, sign string
	var err *Error
	if u, ok := v.(*undefined); ok && strings.IndexByte("sra", letter) < 0 {
		return "", u.err()
	}
	if p.precision > r.limits.Bytes || p.width > r.limits.Bytes {
		return "", r.spend(r.limits.Bytes + 1)
	}
	if p.precision > 10000 && letter != 's' && letter != 'r' {
		return "", errorf(ValueError, "precision too big")
	}
	switch letter {
	case 's', 'r', 'a':
		if letter == 's' {
			s, err = r.str(v)
		} else {
			s, err = r.repr(v)
		}
		if p.precision >= 0 {
			if chars := []rune(s); len(chars) > p.precision {
				s = string(chars[:p.precision])
			}
		}
		p.zero = false
	case 'c':
		if n, bad := asInt(v); bad == nil {
			s = string(rune(n))
		} else if s, _ = text(v); utf8.RuneCountInString(s) != 1 {
			return "", typeErrorf("%%c requires int or char")
		}
		p.zero = false
	case 'd', 'i', 'u', 'x', 'X', 'o':
		i := asBig(v)
		if f, ok := v.(float64); ok && strings.IndexByte("diu", letter) >= 0 && !math.IsInf(f, 0) && !math.IsNaN(f) {
			i, _ = big.NewFloat(f).Int(nil)
		}
		if i == nil {
			return "", typeErrorf("%%%c format: a real number is required, not %s", letter, typeName(v))
		}
		base := map[byte]int{'x': 16, 'X': 16, 'o': 8}[letter]
		if base == 0 {
			base = 10
		}
		s = new(big.Int).Abs(i).Text(base)
		for len(s) < p.precision {
			s = strings.Repeat("0", p.precision-len(s)) + s
		}
		if p.alt && base != 10 {
			sign = "0" + strings.ToLower(string(letter))
		}
		if letter == 'X' {
			s, sign = strings.ToUpper(s), strings.ToUpper(sign)
		}
		sign = p.sign(i.Sign() < 0) + sign
	case 'e', 'E', 'f', 'F', 'g', 'G':
		f, ok := asFloat(v)
		if !ok {
			return "", typeErrorf("must be real number, not %s", typeName(v))
		}
		precision := p.precision
		if precision < 0 {
			precision = 6
		}
		s = floatText(math.Abs(f), letter, precision, p.alt)
		sign = p.sign(math.Signbit(f) && !math.IsNaN(f))
	default:
		return "", errorf(ValueError, "unsupported format character '%c' (%#x)", letter, letter)
	}
	if err != nil {
		return "", err
	}
	gap := p.width - utf8.RuneCountInString(s) - len(sign)
	switch {
	case gap <= 0:
		return sign + s, nil
	case p.minus:
		return sign + s + strings.Repeat(" ", gap), nil
	case p.zero:
		return sign + strings.Repeat("0", gap) + s, nil
	}
	return strings.Repeat(" ", gap) + sign + s, nil
}

func (p *percentSpec) sign(negative bool) string {
	switch {
	case negative:
		return "-"
	case p.plus:
		return "+"
	case p.blank:
		return " "
	}
	return ""
}

// floatText is a float that is not negative in the form e, f or g.
func floatText(f float64, letter byte, precision int, alt bool) string {
	low := letter | 0x20
	var s string
	switch {
	case math.IsInf(f, 0):
		s = "inf"
	case math.IsNaN(f):
		s = "nan"
	case low == 'g':
		s = generalFloat(f, max(precision, 1), alt)
	default:
		s = strconv.FormatFloat(f, low, precision, 64)
	}
	if letter < 'a' {
		return strings.ToUpper(s)
	}
	return s
}

// generalFloat is C's %g.
func generalFloat(f float64, precision int, alt bool) string {
	e := strconv.FormatFloat(f, 'e', precision-1, 64)
	exp, _ := strconv.Atoi(e[strings.IndexByte(e, 'e')+1:])
	trim := func(s string) string {
		if alt || !strings.Contains(s, ".") {
			return s
		}
		return strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if exp < -4 || exp >= precision {
		mantissa, rest, _ := strings.Cut(e, "e")
		return trim(mantissa) + "e" + rest
	}
	return trim(strconv.FormatFloat(f, 'f', precision-1-exp, 64))
}
