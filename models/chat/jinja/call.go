package jinja

// args are what a call passes.
type args struct {
	pos   []any
	names []string // of the keyword arguments
	vals  []any
}

// given says whether an argument was passed.
func given(v any) bool { return v != absent }

// builtin is a function, filter or test of the environment. params are its parameters: "x" must be given, "x?" may
// be left out, "*" takes all further ones.
type builtin struct {
	name   string
	params []string
	f      func(r *run, in []any) (any, *Error)
	// raw is set instead of f for those that look at the call itself.
	raw func(r *run, a args) (any, *Error)
}

// methodFunc is a method; nil stands for one that the sandbox hides because it changes its value.
type methodFunc func(r *run, of any, a args) (any, *Error)

func (b builtin) call(r *run, a args) (any, *Error) {
	if b.raw != nil {
		return b.raw(r, a)
	}
	in, err := a.bind(b.name, b.params)
	if err != nil {
		return nil, err
	}
	return b.f(r, in)
}

// bind puts arguments in the order of the parameters. Those that are not given are absent; further ones stand
// behind them where "*" allows it.
func (a args) bind(function string, params []string) ([]any, *Error) {
	n := len(params)
	rest := n > 0 && params[n-1] == "*"
	if rest {
		n--
	}
	if len(a.pos) > n && !rest {
		return nil, typeErrorf("%s() takes at most %d arguments (%d given)", function, n, len(a.pos))
	}
	in := make([]any, n, max(n, len(a.pos)))
	for i := range in {
		in[i] = absent
	}
	copy(in, a.pos)
	if len(a.pos) > n {
		in = append(in, a.pos[n:]...)
	}
keywords:
	for i, name := range a.names {
		for p, param := range params[:n] {
			if param == name || param == name+"?" {
				if p < len(a.pos) {
					return nil, typeErrorf("%s() got multiple values for argument '%s'", function, name)
				}
				in[p] = a.vals[i]
				continue keywords
			}
		}
		return nil, typeErrorf("%s() got an unexpected keyword argument '%s'", function, name)
	}
	for p, param := range params[:n] {
		if in[p] == absent && param[len(param)-1] != '?' {
			return nil, typeErrorf("%s() missing required argument: '%s'", function, param)
		}
	}
	return in, nil
}

// arguments are the expressions of a call.
type arguments struct {
	pos        []expr
	names      []string
	vals       []expr
	star, map_ expr // *args and **kwargs
}

func (n *arguments) eval(r *run, s *scope, first ...any) (args, *Error) {
	a := args{names: n.names}
	if len(first)+len(n.pos) > 0 {
		a.pos = make([]any, 0, len(first)+len(n.pos))
		a.pos = append(a.pos, first...)
	}
	for _, x := range n.pos {
		v, err := x.eval(r, s)
		if err != nil {
			return a, err
		}
		a.pos = append(a.pos, v)
	}
	if n.star != nil {
		v, err := n.star.eval(r, s)
		if err != nil {
			return a, err
		}
		more, err := r.list(v)
		if err != nil {
			return a, err
		}
		if err := r.spendItems(len(more)); err != nil {
			return a, err
		}
		a.pos = append(a.pos, more...)
	}
	for _, x := range n.vals {
		v, err := x.eval(r, s)
		if err != nil {
			return a, err
		}
		a.vals = append(a.vals, v)
	}
	if n.map_ != nil {
		v, err := n.map_.eval(r, s)
		if err != nil {
			return a, err
		}
		d, ok := v.(*Dict)
		if !ok {
			return a, typeErrorf("argument after ** must be a mapping, not %s", typeName(v))
		}
		a.names = append([]string(nil), a.names...)
		for i, k := range d.keys {
			name, ok := text(k)
			if !ok {
				return a, typeErrorf("keywords must be strings")
			}
			a.names, a.vals = append(a.names, name), append(a.vals, d.vals[i])
		}
	}
	return a, nil
}

// callNode is f(...).
type callNode struct {
	f    expr
	args arguments
	at   int
}

func (n *callNode) eval(r *run, s *scope) (any, *Error) { return n.evalWith(r, s, absent) }

// evalWith is a call with a caller, which a call block passes.
func (n *callNode) evalWith(r *run, s *scope, caller any) (any, *Error) {
	f, err := n.f.eval(r, s)
	if err != nil {
		return nil, err
	}
	a, err := n.args.eval(r, s)
	if err == nil {
		err = r.step(1)
	}
	if err != nil {
		return nil, r.at(n.at, err)
	}
	if caller != absent {
		a.names, a.vals = append(a.names[:len(a.names):len(a.names)], "caller"), append(a.vals, caller)
	}
	v, err := r.call(f, a)
	return v, r.at(n.at, err)
}

// call calls a value.
func (r *run) call(f any, a args) (any, *Error) {
	switch f := f.(type) {
	case method:
		return f.f(r, f.of, a)
	case builtin:
		return f.call(r, a)
	case *macro:
		return f.call(r, a)
	case *loop:
		return f.call(r, a)
	case *joiner:
		return f.call(), nil
	case *undefined:
		return nil, f.err()
	}
	return nil, typeErrorf("'%s' object is not callable", typeName(f))
}

// filterNode is x|name(...).
type filterNode struct {
	x    expr // nil in a filter block, whose text is the value
	name string
	f    *builtin // nil when there is none of the name
	args arguments
	at   int
}

func (n *filterNode) eval(r *run, s *scope) (any, *Error) {
	v, err := n.x.eval(r, s)
	if err != nil {
		return nil, err
	}
	return n.apply(r, s, v)
}

func (n *filterNode) apply(r *run, s *scope, v any) (any, *Error) {
	if n.f == nil {
		return nil, r.at(n.at, noFilter(n.name))
	}
	a, err := n.args.eval(r, s, v)
	if err == nil {
		err = r.step(1)
	}
	if err != nil {
		return nil, r.at(n.at, err)
	}
	v, err = n.f.call(r, a)
	return v, r.at(n.at, err)
}

func noFilter(name string) *Error {
	switch name {
	case "random", "urlize", "pprint", "xmlattr", "wordwrap", "striptags", "filesizeformat":
		return errorf(Unsupported, "the filter %s is not supported", shortRepr(name))
	}
	return errorf(SyntaxError, "No filter named %s.", shortRepr(name))
}

// testNode is x is name(...).
type testNode struct {
	x    expr
	name string
	f    *builtin
	args arguments
	at   int
}

func (n *testNode) eval(r *run, s *scope) (any, *Error) {
	v, err := n.x.eval(r, s)
	if err != nil {
		return nil, err
	}
	if n.f == nil {
		return nil, r.at(n.at, noTest(n.name))
	}
	a, err := n.args.eval(r, s, v)
	if err == nil {
		err = r.step(1)
	}
	if err != nil {
		return nil, r.at(n.at, err)
	}
	v, err = n.f.call(r, a)
	return v, r.at(n.at, err)
}

func noTest(name string) *Error { return errorf(SyntaxError, "No test named %s.", shortRepr(name)) }
