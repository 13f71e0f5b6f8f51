package jinja

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/belay-ml/belay/models/chat/ordjson"
)

// dumper writes values as Python's json.dumps does.
type dumper struct {
	r          *run
	ascii      bool
	sorted     bool
	indent     string
	lines      bool // one item a line
	item, pair string
}

// tojson is transformers' filter, which escapes nothing for HTML.
func tojson(r *run, in []any) (any, *Error) {
	d := dumper{r: r, item: ", ", pair: ": "}
	d.ascii, d.sorted = given(in[1]) && truth(in[1]), given(in[4]) && truth(in[4])
	if v := in[2]; given(v) && v != nil {
		d.lines, d.item = true, ","
		if s, ok := text(v); ok {
			d.indent = s
		} else {
			n, err := asInt(v)
			if err != nil {
				return nil, err
			}
			if err := r.spend(max(n, 0)); err != nil {
				return nil, err
			}
			d.indent = strings.Repeat(" ", max(n, 0))
		}
	}
	if v := in[3]; given(v) && v != nil {
		pair, ok := items(v)
		if !ok || len(pair) != 2 {
			return nil, typeErrorf("tojson: separators are two texts")
		}
		var okItem, okPair bool
		d.item, okItem = text(pair[0])
		d.pair, okPair = text(pair[1])
		if !okItem || !okPair {
			return nil, typeErrorf("tojson: separators are two texts")
		}
	}
	b, err := d.value(nil, in[0], 0)
	if err == nil {
		err = r.spend(len(b))
	}
	if err != nil {
		return nil, err
	}
	return string(b), nil
}

func (d *dumper) value(dst []byte, v any, depth int) ([]byte, *Error) {
	if depth > maxDepth {
		return dst, errorf(LimitError, "values are nested more than %d levels deep", maxDepth)
	}
	if len(dst) > d.r.limits.Bytes {
		return dst, d.r.spend(len(dst))
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return fmt.Append(dst, v), nil
	case int, *big.Int:
		return d.r.appendRepr(dst, v, 0)
	case float64:
		return append(dst, ordjson.Float(v)...), nil
	case string:
		return d.text(dst, v), nil
	case markup:
		return d.text(dst, string(v)), nil
	case []any:
		return d.list(dst, v, depth)
	case Tuple:
		return d.list(dst, v, depth)
	case *Dict:
		return d.object(dst, v, depth)
	}
	return dst, typeErrorf("Object of type %s is not JSON serializable", typeName(v))
}

func (d *dumper) text(dst []byte, s string) []byte {
	if !d.ascii {
		return ordjson.AppendText(dst, s)
	}
	from := len(dst)
	dst = ordjson.AppendText(dst, s)
	plain := string(dst[from:])
	dst = dst[:from]
	for _, c := range plain {
		switch {
		case c < 0x7f:
			dst = append(dst, byte(c))
		case c < 0x10000:
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			hi, lo := utf16.EncodeRune(c)
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, hi, lo)
		}
	}
	return dst
}

// line begins a line, where items have one each.
func (d *dumper) line(dst []byte, depth int) []byte {
	if !d.lines {
		return dst
	}
	dst = append(dst, '\n')
	for range depth {
		dst = append(dst, d.indent...)
	}
	return dst
}

func (d *dumper) list(dst []byte, all []any, depth int) ([]byte, *Error) {
	if len(all) == 0 {
		return append(dst, "[]"...), nil
	}
	dst = append(dst, '[')
	var err *Error
	for i, e := range all {
		if i > 0 {
			dst = append(dst, d.item...)
		}
		if dst, err = d.value(d.line(dst, depth+1), e, depth+1); err != nil {
			return dst, err
		}
	}
	return append(d.line(dst, depth), ']'), nil
}

func (d *dumper) object(dst []byte, o *Dict, depth int) ([]byte, *Error) {
	if len(o.keys) == 0 {
		return append(dst, "{}"...), nil
	}
	order := make([]int, len(o.keys))
	for i := range order {
		order[i] = i
	}
	var err *Error
	if d.sorted {
		slices.SortStableFunc(order, func(a, b int) int {
			c, bad := threeWay(o.keys[a], o.keys[b])
			if err == nil {
				err = bad
			}
			return c
		})
		if err != nil {
			return dst, err
		}
	}
	dst = append(dst, '{')
	for n, i := range order {
		if n > 0 {
			dst = append(dst, d.item...)
		}
		dst = d.line(dst, depth+1)
		if dst, err = d.key(dst, o.keys[i]); err != nil {
			return dst, err
		}
		if dst, err = d.value(append(dst, d.pair...), o.vals[i], depth+1); err != nil {
			return dst, err
		}
	}
	return append(d.line(dst, depth), '}'), nil
}

func (d *dumper) key(dst []byte, k any) ([]byte, *Error) {
	switch k.(type) {
	case string, markup:
		return d.value(dst, k, 0)
	case nil, bool, int, *big.Int, float64:
		dst, err := d.value(append(dst, '"'), k, 0)
		return append(dst, '"'), err
	}
	return dst, typeErrorf("keys must be str, int, float, bool or None, not %s", typeName(k))
}
