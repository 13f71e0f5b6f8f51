package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Dict is Python's dict: keys stay in the order in which they came.
type Dict struct {
	keys, vals []any
	index      map[any]int // by hashable key; only of dicts with many keys
}

// manyKeys is where a map begins to beat a scan.
const manyKeys = 12

// NewDict makes an empty dict with room for n keys.
func NewDict(n int) *Dict {
	return &Dict{keys: make([]any, 0, n), vals: make([]any, 0, n)}
}

// Set gives a key a value, while the dict is being built.
func (d *Dict) Set(key string, v any) { d.put(key, key, v) }

// Get is the value of a key.
func (d *Dict) Get(key string) (any, bool) {
	if i := d.find(key); i >= 0 {
		return d.vals[i], true
	}
	return nil, false
}

// Keys are the keys that are text, in order.
func (d *Dict) Keys() []string {
	var out []string
	for _, k := range d.keys {
		if s, ok := text(k); ok {
			out = append(out, s)
		}
	}
	return out
}

// set is Set for any key.
func (d *Dict) set(key, v any) *Error {
	h, err := hashable(key)
	if err == nil {
		d.put(h, key, v)
	}
	return err
}

func (d *Dict) get(key any) (any, bool, *Error) {
	h, err := hashable(key)
	if err != nil {
		return nil, false, err
	}
	if i := d.find(h); i >= 0 {
		return d.vals[i], true, nil
	}
	return nil, false, nil
}

func (d *Dict) put(hash, key, v any) {
	if i := d.find(hash); i >= 0 {
		d.vals[i] = v
		return
	}
	d.keys, d.vals = append(d.keys, key), append(d.vals, v)
	switch {
	case d.index != nil:
		d.index[hash] = len(d.keys) - 1
	case len(d.keys) > manyKeys:
		d.index = make(map[any]int, 2*len(d.keys))
		for i, k := range d.keys {
			h, _ := hashable(k) // it was hashed before
			d.index[h] = i
		}
	}
}

func (d *Dict) find(hash any) int {
	if d.index != nil {
		if i, ok := d.index[hash]; ok {
			return i
		}
		return -1
	}
	if s, ok := hash.(string); ok {
		for i, k := range d.keys {
			switch k := k.(type) {
			case string:
				if k == s {
					return i
				}
			case markup:
				if string(k) == s {
					return i
				}
			}
		}
		return -1
	}
	for i, k := range d.keys {
		if h, _ := hashable(k); h == hash {
			return i
		}
	}
	return -1
}

// Keys of values that Go cannot compare.
type (
	noneKey      struct{}
	undefinedKey struct{}
	bigKey       string
	tupleKey     string
)

// hashable is a value that equals that of every equal key.
func hashable(v any) (any, *Error) {
	switch v := v.(type) {
	case string, int, intRange:
		return v, nil
	case markup:
		return string(v), nil
	case nil:
		return noneKey{}, nil
	case bool:
		if v {
			return 1, nil
		}
		return 0, nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int(v), nil
		}
		return v, nil
	case *big.Int:
		return bigKey(v.String()), nil
	case *undefined:
		return undefinedKey{}, nil
	case Tuple:
		var b strings.Builder
		for _, e := range v {
			h, err := hashable(e)
			if err != nil {
				return nil, err
			}
			switch h := h.(type) {
			case string:
				b.WriteString("s" + strconv.Itoa(len(h)) + ":" + h)
			case int:
				b.WriteString("i" + strconv.Itoa(h) + ":")
			case float64:
				b.WriteString("f" + strconv.FormatFloat(h, 'g', -1, 64) + ":")
			case bigKey:
				b.WriteString("b" + string(h) + ":")
			case tupleKey:
				b.WriteString("t" + strconv.Itoa(len(h)) + ":" + string(h))
			case noneKey:
				b.WriteString("n")
			case undefinedKey:
				b.WriteString("u")
			default:
				return nil, typeErrorf("a tuple with %s in it cannot be a key", typeName(e))
			}
		}
		return tupleKey(b.String()), nil
	case []any, *Dict, view:
		return nil, typeErrorf("unhashable type: '%s'", typeName(v))
	case *namespace, *macro, *generator, *loop, *cycler, *joiner:
		return v, nil
	}
	return nil, typeErrorf("unhashable type: '%s'", typeName(v))
}
