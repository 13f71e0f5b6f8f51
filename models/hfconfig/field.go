package hfconfig

import (
	"encoding/json"
	"fmt"
	"math"
)

// fields reads typed values of a document and collects what is wrong with them.
type fields struct {
	raw  map[string]any
	at   string // prefix of names in errors, "rope_scaling."
	errs []error
}

func (f *fields) fail(key, want string, have any) {
	f.errs = append(f.errs, fmt.Errorf("%s%s: want %s, have %s", f.at, key, want, show(have)))
}

// show is a value as short JSON.
func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%T", v)
	}
	if len(b) > 60 {
		b = append(b[:57:57], "..."...)
	}
	return string(b)
}

// has says whether key is there and not null.
func (f *fields) has(key string) bool { return f.raw[key] != nil }

// float is the number under key, or def when it is absent or null.
func (f *fields) float(key string, def float64) float64 {
	v := f.raw[key]
	if v == nil {
		return def
	}
	n, ok := v.(json.Number)
	if ok {
		if x, err := n.Float64(); err == nil && !math.IsInf(x, 0) && !math.IsNaN(x) {
			return x
		}
	}
	f.fail(key, "a number", v)
	return def
}

// whole is the whole number under key (1e4 and 10000.0 count), or def when it is absent or null.
func (f *fields) whole(key string, def int) int {
	if !f.has(key) {
		return def
	}
	x := f.float(key, float64(def))
	if x != math.Trunc(x) || math.Abs(x) > 1<<53 {
		f.fail(key, "a whole number", f.raw[key])
		return def
	}
	return int(x)
}

// required is a whole number that must be there.
func (f *fields) required(key string) int {
	if !f.has(key) {
		f.errs = append(f.errs, fmt.Errorf("%s%s is missing", f.at, key))
		return 1
	}
	return f.whole(key, 1)
}

func (f *fields) flag(key string, def bool) bool {
	switch v := f.raw[key].(type) {
	case nil:
		return def
	case bool:
		return v
	default:
		f.fail(key, "true or false", v)
		return def
	}
}

func (f *fields) text(key string) string {
	switch v := f.raw[key].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		f.fail(key, "text", v)
		return ""
	}
}

func (f *fields) texts(key string) []string {
	v := f.raw[key]
	if v == nil {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		f.fail(key, "a list of texts", v)
		return nil
	}
	out := make([]string, 0, len(list))
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			f.fail(key, "a list of texts", v)
			return nil
		}
		out = append(out, s)
	}
	return out
}

// ids is one token id or a list of them.
func (f *fields) ids(key string) []int32 {
	v := f.raw[key]
	if v == nil {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	out := make([]int32, 0, len(list))
	for _, e := range list {
		n, ok := e.(json.Number)
		if ok {
			if x, err := n.Int64(); err == nil && x >= math.MinInt32 && x <= math.MaxInt32 {
				if x >= 0 { // some published configs spell "none" as -1
					out = append(out, int32(x))
				}
				continue
			}
		}
		f.fail(key, "a token id or a list of them", v)
		return nil
	}
	return out
}

// object is the map under key; nil when absent or null.
func (f *fields) object(key string) map[string]any {
	switch v := f.raw[key].(type) {
	case nil:
		return nil
	case map[string]any:
		return v
	default:
		f.fail(key, "an object", v)
		return nil
	}
}

// list is the list under key; nil when absent or null.
func (f *fields) list(key string) []any {
	switch v := f.raw[key].(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		f.fail(key, "a list", v)
		return nil
	}
}
