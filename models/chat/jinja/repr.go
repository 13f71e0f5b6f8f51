package jinja

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/belay-ml/belay/models/chat/ordjson"
)

// str is Python's str(v).
func (r *run) str(v any) (string, *Error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case markup:
		return string(v), nil
	case *undefined:
		return "", nil
	}
	return r.repr(v)
}

// repr is Python's repr(v).
func (r *run) repr(v any) (string, *Error) {
	b, err := r.appendRepr(nil, v, 0)
	if err == nil {
		err = r.spend(len(b))
	}
	return string(b), err
}

func (r *run) appendRepr(dst []byte, v any, depth int) ([]byte, *Error) {
	if depth > maxDepth {
		return dst, errorf(LimitError, "values are nested more than %d levels deep", maxDepth)
	}
	if len(dst) > r.limits.Bytes {
		return dst, r.spend(len(dst))
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "None"...), nil
	case bool:
		if v {
			return append(dst, "True"...), nil
		}
		return append(dst, "False"...), nil
	case int:
		return fmt.Append(dst, v), nil
	case *big.Int:
		s := v.String()
		if len(strings.TrimPrefix(s, "-")) > maxDigits {
			return dst, errorf(ValueError, "Exceeds the limit (%d digits) for integer string conversion", maxDigits)
		}
		return append(dst, s...), nil
	case float64:
		return append(dst, floatRepr(v)...), nil
	case string:
		return appendTextRepr(dst, v), nil
	case markup:
		return append(appendTextRepr(append(dst, "Markup("...), string(v)), ')'), nil
	case []any:
		return r.appendItems(dst, "[", v, "]", depth)
	case Tuple:
		if len(v) == 1 {
			return r.appendItems(dst, "(", v, ",)", depth)
		}
		return r.appendItems(dst, "(", v, ")", depth)
	case *Dict:
		return r.appendDict(dst, v, depth)
	case *undefined:
		return append(dst, "Undefined"...), nil
	case *namespace:
		dst, err := r.appendDict(append(dst, "<Namespace "...), v.d, depth)
		return append(dst, '>'), err
	case intRange:
		if v.step != 1 {
			return fmt.Appendf(dst, "range(%d, %d, %d)", v.start, v.stop, v.step), nil
		}
		return fmt.Appendf(dst, "range(%d, %d)", v.start, v.stop), nil
	case view:
		all := make([]any, len(v.of.keys))
		for i := range all {
			all[i] = v.at(i)
		}
		return r.appendItems(append(dst, "dict_"+v.what+"("...), "[", all, "])", depth)
	case *loop:
		n, err := v.length(r)
		return fmt.Appendf(dst, "<LoopContext %d/%d>", v.index+1, n), err
	case *macro:
		return fmt.Appendf(dst, "<Macro %s>", shortRepr(v.node.name)), nil
	case *generator:
		return append(dst, "<generator object "+v.name+">"...), nil
	case method:
		return append(dst, "<built-in method "+v.name+" of "+typeName(v.of)+" object>"...), nil
	case builtin:
		return append(dst, "<function "+v.name+">"...), nil
	}
	return append(dst, "<"+typeName(v)+" object>"...), nil
}

func (r *run) appendItems(dst []byte, open string, all []any, end string, depth int) ([]byte, *Error) {
	dst = append(dst, open...)
	var err *Error
	for i, e := range all {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if dst, err = r.appendRepr(dst, e, depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, end...), nil
}

func (r *run) appendDict(dst []byte, d *Dict, depth int) ([]byte, *Error) {
	dst = append(dst, '{')
	var err *Error
	for i, k := range d.keys {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if dst, err = r.appendRepr(dst, k, depth+1); err != nil {
			return dst, err
		}
		dst = append(dst, ": "...)
		if dst, err = r.appendRepr(dst, d.vals[i], depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func floatRepr(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	return ordjson.Float(f)
}

// shortRepr is repr of a text or a number, for messages.
func shortRepr(v any) string {
	b, _ := (&run{limits: DefaultLimits()}).appendRepr(nil, v, maxDepth-2)
	if len(b) > 100 {
		b = append(b[:100], "..."...)
	}
	return strings.ToValidUTF8(string(b), "")
}

// appendTextRepr writes a text as Python's source has it.
func appendTextRepr(dst []byte, s string) []byte {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	dst = append(dst, quote)
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case c == rune(quote) || c == '\\':
			dst = append(dst, '\\', byte(c))
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case unicode.IsPrint(c) && !(c == utf8.RuneError && n == 1):
			dst = append(dst, s[i:i+n]...)
		case c < 0x100:
			dst = fmt.Appendf(dst, `\x%02x`, c)
		case c < 0x10000:
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = fmt.Appendf(dst, `\U%08x`, c)
		}
		i += n
	}
	return append(dst, quote)
}
