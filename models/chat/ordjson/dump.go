package ordjson

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Dump writes a value as Python's json.dumps(json.loads(text), ensure_ascii=False) would: one line,
// ", " and ": " between things, floats in their shortest form. What JSON has no form for is null.
func Dump(v any) string { return string(appendValue(nil, v, flat)) }

// Indent writes a value as json.dumps(v, ensure_ascii=False, indent=4) would: an entry a line.
func Indent(v any) string { return string(appendValue(nil, v, 0)) }

// flat is the depth of values that are written on one line.
const flat = -1

// between writes what separates the entries of a list or object at a depth.
func between(dst []byte, first bool, depth int) []byte {
	switch {
	case depth != flat:
		if !first {
			dst = append(dst, ',')
		}
		return newLine(dst, depth+1)
	case !first:
		dst = append(dst, ", "...)
	}
	return dst
}

// closing goes to the line of the bracket that ends n entries.
func closing(dst []byte, n, depth int) []byte {
	if n == 0 || depth == flat {
		return dst
	}
	return newLine(dst, depth)
}

func newLine(dst []byte, depth int) []byte {
	dst = append(dst, '\n')
	for range 4 * depth {
		dst = append(dst, ' ')
	}
	return dst
}

func appendValue(dst []byte, v any, depth int) []byte {
	inner := depth
	if depth != flat {
		inner++
	}
	switch v := v.(type) {
	case nil, Opaque:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return AppendText(dst, v)
	case Number:
		return append(dst, v.Python()...)
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			dst = appendValue(between(dst, i == 0, depth), e, inner)
		}
		return append(closing(dst, len(v), depth), ']')
	case *Object:
		dst = append(dst, '{')
		for i, k := range v.Keys {
			dst = AppendText(between(dst, i == 0, depth), k)
			dst = append(dst, ": "...)
			dst = appendValue(dst, v.Values[i], inner)
		}
		return append(closing(dst, len(v.Keys), depth), '}')
	}
	panic(fmt.Sprintf("ordjson: dump of %T", v))
}

// AppendText appends a text in quotes. It escapes what Python escapes: quotes, backslashes and control characters below space.
func AppendText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		default:
			if c < 0x20 {
				dst = fmt.Appendf(dst, "\\u%04x", c)
			} else {
				dst = append(dst, c)
			}
		}
	}
	return append(dst, '"')
}

// Python is the number as Python prints it after reading it: integers as they are, floats with the
// fewest digits, with an exponent below 1e-4 and from 1e16 on.
func (n Number) Python() string {
	if !strings.ContainsAny(string(n), ".eE") {
		if n == "-0" {
			return "0"
		}
		return string(n)
	}
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil && !math.IsInf(f, 0) {
		return string(n)
	}
	return Float(f)
}

// Float is a float as Python's json.dumps writes it.
func Float(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case math.IsNaN(f):
		return "NaN"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64) // both write at least two digits of exponent
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
