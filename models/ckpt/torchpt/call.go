package torchpt

import (
	"fmt"
	"slices"
	"strings"
)

// class runs the operations that name, make and fill objects.
func (m *machine) class(op byte) error {
	switch op {
	case 'c', 'i':
		mod, err := m.line()
		if err != nil {
			return err
		}
		name, err := m.line()
		if err != nil {
			return err
		}
		g, err := global(mod, name)
		if err != nil {
			return err
		}
		if op == 'c' {
			return m.push(g)
		}
		args, err := m.popMark()
		if err != nil {
			return err
		}
		return m.call(g, args, false)
	case 0x93: // STACK_GLOBAL
		name, err := m.pop()
		if err != nil {
			return err
		}
		mod, err := m.pop()
		if err != nil {
			return err
		}
		ms, ok1 := mod.(string)
		ns, ok2 := name.(string)
		if !ok1 || !ok2 {
			return fmt.Errorf("a global's name is not text")
		}
		g, err := global(ms, ns)
		if err != nil {
			return err
		}
		return m.push(g)
	case 'o':
		items, err := m.popMark()
		if err != nil {
			return err
		}
		if len(items) == 0 {
			return fmt.Errorf("no class to make")
		}
		return m.call(items[0], items[1:], false)
	case 'R', 0x81, 0x92:
		if op == 0x92 { // NEWOBJ_EX has keyword arguments on top
			kw, err := m.pop()
			if err != nil {
				return err
			}
			if d, ok := kw.(*Dict); !ok || d.Len() > 0 {
				return fmt.Errorf("keyword arguments are not supported")
			}
		}
		args, err := m.pop()
		if err != nil {
			return err
		}
		list, ok := args.(Tuple)
		if !ok {
			return fmt.Errorf("arguments are %T, not a tuple", args)
		}
		callee, err := m.pop()
		if err != nil {
			return err
		}
		return m.call(callee, list, op != 'R')
	case 'b':
		return m.build()
	case 'P':
		id, err := m.line()
		if err != nil {
			return err
		}
		return m.resolve(id)
	default: // 'Q'
		id, err := m.pop()
		if err != nil {
			return err
		}
		return m.resolve(id)
	}
}

func (m *machine) resolve(id any) error {
	if m.persistent == nil {
		return fmt.Errorf("persistent id without a container")
	}
	v, err := m.persistent(id)
	if err != nil {
		return err
	}
	return m.push(v)
}

// build gives the object on top its state.
func (m *machine) build() error {
	state, err := m.pop()
	if err != nil {
		return err
	}
	obj, err := m.top()
	if err != nil {
		return err
	}
	switch x := obj.(type) {
	case *Object:
		x.State = state
	case *Dict, *Tensor: // attributes of an OrderedDict (_metadata) or a parameter: not data
	default:
		return fmt.Errorf("cannot set the state of %T", obj)
	}
	return nil
}

// forbidden are modules whose names in a checkpoint mean an attempt to run something.
var forbidden = [...]string{
	"os", "posix", "nt", "posixpath", "ntpath", "sys", "subprocess", "commands", "pty", "shutil", "socket", "ssl", "http", "urllib",
	"urllib2", "requests", "ftplib", "smtplib", "asyncio", "multiprocessing", "threading", "signal", "ctypes", "cffi", "importlib",
	"imp", "runpy", "code", "codeop", "pdb", "bdb", "timeit", "cProfile", "profile", "trace", "inspect", "types", "functools",
	"operator", "itertools", "pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "pip", "setuptools",
	"distutils", "webbrowser", "tempfile", "pathlib", "io", "_io", "builtins", "__builtin__", "builtin", "gc", "site", "platform",
}

// harmless are the few names of forbidden modules that build plain values.
var harmless = [...]string{
	"builtins.set", "builtins.frozenset", "builtins.dict", "builtins.list", "builtins.tuple", "builtins.int", "builtins.float",
	"builtins.bool", "builtins.complex", "builtins.bytearray", "builtins.bytes", "builtins.str", "builtins.slice", "builtins.object", "builtins.range",
	"pathlib.Path", "pathlib.PosixPath", "pathlib.PurePosixPath", "pathlib.WindowsPath", "pathlib.PureWindowsPath", "types.SimpleNamespace",
}

// global checks a name. Unknown names are kept, since a training checkpoint may hold any class.
func global(mod, name string) (Global, error) {
	plain := mod
	if mod == "__builtin__" {
		plain = "builtins"
	}
	g := Global{plain, name}
	if slices.Contains(harmless[:], g.String()) {
		return g, nil
	}
	top, _, _ := strings.Cut(plain, ".")
	if slices.Contains(forbidden[:], top) {
		return Global{}, fmt.Errorf("refused: the file names %s.%s, a function that no checkpoint needs and that could run anything in Python; do not load this file with torch.load", mod, name)
	}
	if plain == "torch" && (name == "load" || name == "hub") || top == "torch" && strings.HasPrefix(plain, "torch.hub") {
		return Global{}, fmt.Errorf("refused: the file names %s.%s, which could fetch or run anything in Python", mod, name)
	}
	return g, nil
}

// call builds the value of calling callee: known constructors give their value, others an Object.
func (m *machine) call(callee any, args []any, isNew bool) error {
	g, ok := callee.(Global)
	if !ok {
		return fmt.Errorf("refused: calls %T, which is not a named class", callee)
	}
	switch g.String() {
	case "collections.OrderedDict":
		d := NewOrderedDict()
		if len(args) == 1 {
			if l, ok := args[0].(*List); ok {
				for _, it := range l.Items {
					k, v, ok := pair(it)
					if !ok {
						return fmt.Errorf("OrderedDict from a list of %T", it)
					}
					d.Set(k, v)
				}
			}
		}
		return m.push(d)
	case "builtins.dict":
		if len(args) == 0 {
			return m.push(NewDict())
		}
	case "builtins.list":
		if len(args) == 0 {
			return m.push(&List{})
		}
	case "builtins.set", "builtins.frozenset":
		s := &Set{}
		if len(args) == 1 {
			if l, ok := args[0].(*List); ok {
				s.Items = l.Items
			}
		}
		return m.push(s)
	case "_codecs.encode": // how protocol 2 spells bytes: latin-1 text
		if len(args) == 2 && args[1] == "latin1" {
			if s, ok := args[0].(string); ok {
				out := make([]byte, 0, len(s))
				for _, r := range s {
					if r > 0xff {
						return fmt.Errorf("bytes hold the character %q", r)
					}
					out = append(out, byte(r))
				}
				return m.push(out)
			}
		}
		return fmt.Errorf("_codecs.encode of other than latin1 text")
	case "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor":
		return m.rebuild(args, false)
	case "torch._utils._rebuild_tensor_v3":
		return m.rebuild(args, true)
	case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
		if len(args) > 0 {
			if t, ok := args[0].(*Tensor); ok {
				return m.push(t)
			}
		}
		return fmt.Errorf("parameter without a tensor")
	}
	return m.push(&Object{Class: g, Args: args, New: isNew})
}

func pair(v any) (key, val any, ok bool) {
	switch x := v.(type) {
	case Tuple:
		if len(x) == 2 {
			return x[0], x[1], true
		}
	case *List:
		if len(x.Items) == 2 {
			return x.Items[0], x.Items[1], true
		}
	}
	return nil, nil, false
}

// rebuild makes a tensor of (storage, offset, shape, stride, ...); the third version names the element
// type in its seventh argument because its storage counts bytes.
func (m *machine) rebuild(args []any, typed bool) error {
	if len(args) < 4 {
		return fmt.Errorf("tensor of %d arguments", len(args))
	}
	s, ok := args[0].(*storage)
	if !ok {
		return fmt.Errorf("tensor over %T, not a storage", args[0])
	}
	d := s.dt
	if typed {
		if len(args) < 7 {
			return fmt.Errorf("tensor of %d arguments", len(args))
		}
		g, ok := args[6].(Global)
		if !ok {
			return fmt.Errorf("element type is %T", args[6])
		}
		var err error
		if d, err = scalarType(g); err != nil {
			return err
		}
	}
	t, err := view(s, d, args[1], args[2], args[3])
	if err != nil {
		return fmt.Errorf("tensor: %w", err)
	}
	return m.push(t)
}
