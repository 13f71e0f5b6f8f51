package jinja

// forNode is {% for %}.
type forNode struct {
	to             target
	over, test     expr // test is nil without one
	body, elseBody []stmt
	recursive      bool
	loopID         int
	closures       bool // a macro or caller in it may outlive a round
	at             int
}

// loop is what templates call loop: one walk over a sequence.
type loop struct {
	node   *forNode
	scope  *scope // around the loop
	of     any
	next   iterator
	ahead  []any // values that were read before their turn, from start on
	start  int
	ended  bool
	index  int // from 0
	depth  int // from 0
	before any // the previous value, the one of this round, and the one for changed
	now    any
	last   any
}

func (n *forNode) exec(r *run, s *scope) *Error {
	v, err := n.over.eval(r, s)
	if err != nil {
		return err
	}
	return n.walk(r, s, v, 0)
}

func (n *forNode) walk(r *run, s *scope, v any, depth int) *Error {
	next, err := r.iterate(v)
	if err != nil {
		return r.at(n.at, err)
	}
	if n.test != nil {
		next = n.filtered(r, s, next)
	}
	l := &loop{node: n, scope: s, of: v, next: next, index: -1, depth: depth, before: absent, now: absent, last: absent}
	var inner *scope
	for {
		e, ok, err := l.take(r)
		if err != nil {
			return r.at(n.at, err)
		}
		if !ok {
			break
		}
		if inner == nil || n.closures {
			inner = &scope{up: s}
		}
		inner.vars = inner.vars[:0]
		inner.set(n.loopID, l)
		if err := n.to.assign(r, inner, e); err != nil {
			return r.at(n.at, err)
		}
		if err := r.execAll(n.body, inner); err != nil && err.Kind != continuing {
			if err.Kind == breaking {
				return nil
			}
			return r.at(n.at, err)
		}
		if err := r.step(1); err != nil {
			return r.at(n.at, err)
		}
	}
	if l.index < 0 {
		return r.execAll(n.elseBody, &scope{up: s})
	}
	return nil
}

// filtered passes the values on for which the test holds, each when its turn comes.
func (n *forNode) filtered(r *run, s *scope, next iterator) iterator {
	return func() (any, bool, *Error) {
		for {
			e, ok, err := next()
			if err != nil || !ok {
				return nil, false, err
			}
			inner := &scope{up: s}
			if err := n.to.assign(r, inner, e); err != nil {
				return nil, false, err
			}
			yes, err := r.isTrue(n.test, inner)
			if err != nil {
				return nil, false, err
			}
			if yes {
				return e, true, nil
			}
		}
	}
}

// take begins the next round.
func (l *loop) take(r *run) (any, bool, *Error) {
	e, ok, err := l.peek(r)
	if err != nil || !ok {
		return nil, false, err
	}
	l.start++
	l.index++
	l.before, l.now = l.now, e
	return e, true, nil
}

// peek is the value after the present one.
func (l *loop) peek(*run) (any, bool, *Error) {
	if l.start < len(l.ahead) {
		return l.ahead[l.start], true, nil
	}
	if l.ended {
		return nil, false, nil
	}
	e, ok, err := l.next()
	if err != nil || !ok {
		l.ended = err == nil
		return nil, false, err
	}
	l.ahead, l.start = append(l.ahead[:0], e), 0
	return e, true, nil
}

// length is the number of rounds in all, for which the rest is read.
func (l *loop) length(r *run) (int, *Error) {
	if l.node.test == nil {
		if n, err := length(l.of); err == nil {
			return n, nil
		}
	}
	if !l.ended {
		rest, err := r.collect(l.next)
		if err != nil {
			return 0, err
		}
		l.ahead, l.ended = append(l.ahead, rest...), true
	}
	return l.index + 1 + len(l.ahead) - l.start, nil
}

func (l *loop) attribute(r *run, name string) (any, bool, *Error) {
	switch name {
	case "index":
		return l.index + 1, true, nil
	case "index0":
		return l.index, true, nil
	case "first":
		return l.index == 0, true, nil
	case "last":
		_, more, err := l.peek(r)
		return !more, true, err
	case "length":
		n, err := l.length(r)
		return n, true, err
	case "revindex":
		n, err := l.length(r)
		return n - l.index, true, err
	case "revindex0":
		n, err := l.length(r)
		return n - l.index - 1, true, err
	case "depth":
		return l.depth + 1, true, nil
	case "depth0":
		return l.depth, true, nil
	case "previtem":
		if l.before == absent {
			return &undefined{kind: UndefinedError, hint: "there is no previous item"}, true, nil
		}
		return l.before, true, nil
	case "nextitem":
		e, ok, err := l.peek(r)
		if err == nil && !ok {
			e = &undefined{kind: UndefinedError, hint: "there is no next item"}
		}
		return e, true, err
	case "cycle":
		return builtin{name: "cycle", raw: func(_ *run, a args) (any, *Error) {
			if len(a.pos) == 0 {
				return nil, typeErrorf("no items for cycling given")
			}
			return a.pos[l.index%len(a.pos)], nil
		}}, true, nil
	case "changed":
		return builtin{name: "changed", raw: func(_ *run, a args) (any, *Error) {
			if l.last != absent && equal(l.last, Tuple(a.pos)) {
				return false, nil
			}
			l.last = Tuple(a.pos)
			return true, nil
		}}, true, nil
	}
	return nil, false, nil
}

// call is loop(sequence): the same loop over what lies deeper.
func (l *loop) call(r *run, a args) (any, *Error) {
	if !l.node.recursive {
		return nil, typeErrorf("The loop must have the 'recursive' marker to be called recursively.")
	}
	in, err := a.bind("loop", []string{"iterable"})
	if err != nil {
		return nil, err
	}
	if err := r.enter(); err != nil {
		return nil, err
	}
	defer r.leave()
	return r.captured([]stmt{&deeper{l, in[0]}}, l.scope)
}

// deeper is a round of a recursive loop as a statement.
type deeper struct {
	l  *loop
	of any
}

func (d *deeper) exec(r *run, s *scope) *Error { return d.l.node.walk(r, s, d.of, d.l.depth+1) }

// macroNode is {% macro %}, or the body of a call block.
type macroNode struct {
	name     string
	params   []param
	body     []stmt
	callerID int // of the name caller, varargs and kwargs; -1 where the body does not use it
	varID    int
	kwID     int
	at       int
}

type param struct {
	id        int
	name      string
	otherwise expr // nil without a default
}

// macro is a macro with what surrounds it.
type macro struct {
	node  *macroNode
	scope *scope
}

type defineMacro struct {
	node *macroNode
	id   int
}

func (n *defineMacro) exec(_ *run, s *scope) *Error {
	s.set(n.id, &macro{n.node, s})
	return nil
}

// call runs a macro and returns what it wrote.
func (m *macro) call(r *run, a args) (any, *Error) {
	n := m.node
	s := &scope{up: m.scope, vars: make([]variable, 0, len(n.params)+1)}
	if len(a.pos) > len(n.params) {
		if n.varID < 0 {
			return nil, typeErrorf("macro %s takes not more than %d argument(s)", shortRepr(n.name), len(n.params))
		}
	}
	if n.varID >= 0 {
		var rest Tuple
		if len(a.pos) > len(n.params) {
			rest = a.pos[len(n.params):]
		}
		s.set(n.varID, rest)
	}
	if n.callerID >= 0 {
		s.set(n.callerID, &undefined{kind: UndefinedError, hint: "No caller defined"})
	}
	for i, p := range n.params {
		if i < len(a.pos) {
			s.set(p.id, a.pos[i])
		}
	}
	kw := NewDict(0)
keywords:
	for i, name := range a.names {
		for j, p := range n.params {
			if p.name == name {
				if j < len(a.pos) {
					return nil, typeErrorf("macro %s got multiple values for argument %s", shortRepr(n.name), shortRepr(name))
				}
				s.set(p.id, a.vals[i])
				continue keywords
			}
		}
		switch {
		case name == "caller" && n.callerID >= 0:
			s.set(n.callerID, a.vals[i])
		case n.kwID >= 0:
			kw.Set(name, a.vals[i])
		case name == "caller":
			return nil, typeErrorf("macro %s was invoked with two values for the special caller argument. This is most likely a bug.", shortRepr(n.name))
		default:
			return nil, typeErrorf("macro %s takes no keyword argument %s", shortRepr(n.name), shortRepr(name))
		}
	}
	if n.kwID >= 0 {
		s.set(n.kwID, kw)
	}
	if err := r.enter(); err != nil {
		return nil, err
	}
	defer r.leave()
	for i, p := range n.params {
		if i < len(a.pos) || s.has(p.id) {
			continue
		}
		if p.otherwise == nil {
			s.set(p.id, &undefined{kind: UndefinedError, hint: "parameter " + shortRepr(p.name) + " was not provided"})
			continue
		}
		v, err := p.otherwise.eval(r, s)
		if err != nil {
			return nil, err
		}
		s.set(p.id, v)
	}
	text, err := r.captured(n.body, s)
	if err != nil {
		return nil, err
	}
	return text, nil
}

func (s *scope) has(id int) bool {
	for i := range s.vars {
		if s.vars[i].id == id {
			return true
		}
	}
	return false
}

// callBlock is {% call %}: a call that gets its body as caller.
type callBlock struct {
	call   *callNode
	caller *macroNode
	at     int
}

func (n *callBlock) exec(r *run, s *scope) *Error {
	v, err := n.call.evalWith(r, s, &macro{n.caller, s})
	if err != nil {
		return err
	}
	text, err := r.str(v)
	if err == nil {
		err = r.write(text)
	}
	return r.at(n.at, err)
}
