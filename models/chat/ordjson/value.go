package ordjson

// Number is a number as it was spelled.
type Number string

// Opaque is a value of another format that JSON has no form for, named as messages call it: "binary data".
type Opaque string

// Object is an object with its keys in order.
type Object struct {
	Keys   []string
	Values []any
	index  map[string]int // only of objects with many keys
}

// manyKeys is where a map begins to beat a scan.
const manyKeys = 16

// Get is the value of a key.
func (o *Object) Get(key string) (any, bool) {
	if i := o.find(key); i >= 0 {
		return o.Values[i], true
	}
	return nil, false
}

// Set gives a key a value; a new key goes last.
func (o *Object) Set(key string, value any) {
	if i := o.find(key); i >= 0 {
		o.Values[i] = value
		return
	}
	o.Keys, o.Values = append(o.Keys, key), append(o.Values, value)
	switch {
	case o.index != nil:
		o.index[key] = len(o.Keys) - 1
	case len(o.Keys) > manyKeys:
		o.index = make(map[string]int, 2*len(o.Keys))
		for i, k := range o.Keys {
			o.index[k] = i
		}
	}
}

func (o *Object) find(key string) int {
	if o.index != nil {
		if i, ok := o.index[key]; ok {
			return i
		}
		return -1
	}
	for i, k := range o.Keys {
		if k == key {
			return i
		}
	}
	return -1
}

// TypeName says what a value is, for messages.
func TypeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "text"
	case Number:
		return "a number"
	case []any:
		return "a list"
	case *Object:
		return "an object"
	case Opaque:
		return string(v)
	}
	return "something else"
}
