package jinja

// stmt is a statement. Loop controls come back as errors.
type stmt interface {
	exec(r *run, s *scope) *Error
}

// The nodes of statements.
type (
	data  struct{ text string }
	print struct {
		x  expr
		at int
	}
	ifNode struct {
		test           expr
		body, elseBody []stmt
	}
	setNode struct {
		to target
		x  expr
		at int
	}
	setBlock struct {
		to     target
		filter []*filterNode
		body   []stmt
		at     int
	}
	withNode struct {
		to   []target
		vals []expr
		body []stmt
		at   int
	}
	filterBlock struct {
		filter []*filterNode
		body   []stmt
		at     int
	}
	generation struct {
		body []stmt
		at   int
	}
	block   struct{ body []stmt }
	control struct{ err *Error }
	failure struct {
		err *Error
		at  int
	}
)

func (r *run) execAll(body []stmt, s *scope) *Error {
	for _, n := range body {
		if err := r.step(1); err != nil {
			return err
		}
		if err := n.exec(r, s); err != nil {
			return err
		}
	}
	return nil
}

func (n *data) exec(r *run, _ *scope) *Error { return r.write(n.text) }

func (n *print) exec(r *run, s *scope) *Error {
	v, err := n.x.eval(r, s)
	if err != nil {
		return err
	}
	text, err := r.str(v)
	if err == nil {
		err = r.write(text)
	}
	return r.at(n.at, err)
}

func (n *ifNode) exec(r *run, s *scope) *Error {
	yes, err := r.isTrue(n.test, s)
	switch {
	case err != nil:
		return err
	case yes:
		return r.execAll(n.body, s)
	}
	return r.execAll(n.elseBody, s)
}

func (n *setNode) exec(r *run, s *scope) *Error {
	v, err := n.x.eval(r, s)
	if err != nil {
		return err
	}
	return r.at(n.at, n.to.assign(r, s, v))
}

func (n *setBlock) exec(r *run, s *scope) *Error {
	inner := &scope{up: s}
	text, err := r.captured(n.body, inner)
	if err != nil {
		return err
	}
	v, err := applyAll(r, inner, n.filter, text)
	if err != nil {
		return err
	}
	return r.at(n.at, n.to.assign(r, s, v))
}

// applyAll puts a value through filters.
func applyAll(r *run, s *scope, all []*filterNode, v any) (any, *Error) {
	var err *Error
	for _, f := range all {
		if v, err = f.apply(r, s, v); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (n *withNode) exec(r *run, s *scope) *Error {
	vals, err := r.evalAll(n.vals, s)
	if err != nil {
		return err
	}
	inner := &scope{up: s}
	for i, to := range n.to {
		if err := to.assign(r, inner, vals[i]); err != nil {
			return r.at(n.at, err)
		}
	}
	return r.execAll(n.body, inner)
}

func (n *filterBlock) exec(r *run, s *scope) *Error {
	inner := &scope{up: s}
	text, err := r.captured(n.body, inner)
	if err != nil {
		return err
	}
	v, err := applyAll(r, inner, n.filter, text)
	if err != nil {
		return err
	}
	if text, err = r.str(v); err == nil {
		err = r.write(text)
	}
	return r.at(n.at, err)
}

// exec notes where what an assistant says stands. What is written into a value has no place yet.
func (n *generation) exec(r *run, s *scope) *Error {
	start := len(r.out)
	if err := r.execAll(n.body, &scope{up: s}); err != nil {
		return err
	}
	if r.capture == 0 && len(r.out) > start {
		r.spans = append(r.spans, Span{start, len(r.out)})
	}
	return nil
}

func (n *block) exec(r *run, s *scope) *Error { return r.execAll(n.body, &scope{up: s}) }
func (n *control) exec(*run, *scope) *Error   { return n.err }
func (n *failure) exec(r *run, _ *scope) *Error {
	e := *n.err
	return r.at(n.at, &e)
}

// target is what a statement assigns to: a name, an attribute of a namespace, or several of them.
type target struct {
	id   int
	attr string   // of the namespace
	all  []target // a tuple
	text string   // the name
}

func (t *target) assign(r *run, s *scope, v any) *Error {
	switch {
	case t.all != nil:
		return t.unpack(r, s, v)
	case t.attr != "":
		ns, ok := r.lookup(t.id, s).(*namespace)
		if !ok {
			return errorf(TemplateError, "cannot assign attribute on non-namespace object")
		}
		ns.d.Set(t.attr, v)
		return r.spend(2 * itemBytes)
	}
	s.set(t.id, v)
	return nil
}

func (t *target) unpack(r *run, s *scope, v any) *Error {
	next, err := r.iterate(v)
	if err != nil {
		if err.Kind == TypeError {
			err = typeErrorf("cannot unpack non-iterable %s object", typeName(v))
		}
		return err
	}
	for i := range t.all {
		e, ok, err := next()
		if err != nil {
			return err
		}
		if !ok {
			return errorf(ValueError, "not enough values to unpack (expected %d, got %d)", len(t.all), i)
		}
		if err := t.all[i].assign(r, s, e); err != nil {
			return err
		}
	}
	if _, more, err := next(); err != nil || more {
		if err == nil {
			err = errorf(ValueError, "too many values to unpack (expected %d)", len(t.all))
		}
		return err
	}
	return nil
}
