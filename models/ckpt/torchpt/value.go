package torchpt

// Global is the name of a Python class or function; it is never imported.
type Global struct{ Module, Name string }

// String is the dotted name.
func (g Global) String() string { return g.Module + "." + g.Name }

// Tuple is a Python tuple.
type Tuple []any

// List is a Python list.
type List struct{ Items []any }

// Set is a Python set or frozenset.
type Set struct{ Items []any }

// Dict is a Python dict or OrderedDict. It keeps the order of insertion.
type Dict struct {
	Ordered bool // an OrderedDict
	keys    []any
	vals    []any
	index   map[any]int
}

// NewDict makes an empty dict.
func NewDict() *Dict { return &Dict{} }

// NewOrderedDict makes an empty OrderedDict, the class of a module's state.
func NewOrderedDict() *Dict { return &Dict{Ordered: true} }

// scalar says whether a key is one that Go compares as Python does.
func scalar(key any) bool {
	switch key.(type) {
	case nil, bool, int64, float64, string, Global:
		return true
	}
	return false
}

// Set adds or replaces a value. Keys that are not scalars are only ever added.
func (d *Dict) Set(key, val any) {
	if i, ok := key.(int); ok {
		key = int64(i)
	}
	if scalar(key) {
		if i, ok := d.index[key]; ok {
			d.vals[i] = val
			return
		}
		if d.index == nil {
			d.index = map[any]int{}
		}
		d.index[key] = len(d.keys)
	}
	d.keys = append(d.keys, key)
	d.vals = append(d.vals, val)
}

// Get is the value under a text key.
func (d *Dict) Get(key string) (any, bool) {
	if d == nil {
		return nil, false
	}
	i, ok := d.index[key]
	if !ok {
		return nil, false
	}
	return d.vals[i], true
}

// Len is the number of keys.
func (d *Dict) Len() int { return len(d.keys) }

// At is the i-th key and its value.
func (d *Dict) At(i int) (key, val any) { return d.keys[i], d.vals[i] }

// Keys are the text keys in order.
func (d *Dict) Keys() []string {
	var out []string
	for _, k := range d.keys {
		if s, ok := k.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Object is an instance of a class, or the result of a call, that the machine does not know: kept by
// name with its arguments and its state.
type Object struct {
	Class Global
	Args  []any
	State any  // what __setstate__ or __dict__ would get; nil when the pickle gives none
	New   bool // made by cls.__new__ and not by a call
}

// Namespace makes the argparse.Namespace that Megatron keeps its arguments in.
func Namespace(attrs *Dict) *Object {
	return &Object{Class: Global{"argparse", "Namespace"}, State: attrs, New: true}
}

// Attrs are the attributes of an object whose state is a dict; nil otherwise.
func (o *Object) Attrs() *Dict {
	d, _ := o.State.(*Dict)
	return d
}
