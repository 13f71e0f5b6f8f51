package jinja

import (
	"math/big"
	"strings"
)

// expr is an expression.
type expr interface {
	eval(r *run, s *scope) (any, *Error)
}

// The nodes of expressions. at is a byte of the template, for messages.
type (
	constant struct{ v any }
	name     struct {
		id, at int
		text   string
	}
	listOf  struct{ all []expr }
	tupleOf struct{ all []expr }
	dictOf  struct {
		keys, vals []expr
		at         int
	}
	getAttribute struct {
		of   expr
		name string
		at   int
	}
	getItem struct {
		of, key expr
		at      int
	}
	getSlice struct {
		of                expr
		start, stop, step expr // nil where left out
		at                int
	}
	not    struct{ x expr }
	both   struct{ a, b expr }
	either struct{ a, b expr }
	choice struct {
		test, then, otherwise expr // otherwise is nil where left out
		at                    int
	}
	sign struct {
		x   expr
		neg bool
		at  int
	}
	binary struct {
		op   string
		a, b expr
		at   int
	}
	concat struct {
		all []expr
		at  int
	}
	comparison struct {
		first expr
		rest  []operand
		at    int
	}
	operand struct {
		op string
		x  expr
	}
)

func (n constant) eval(*run, *scope) (any, *Error) { return n.v, nil }

func (n *name) eval(r *run, s *scope) (any, *Error) {
	v := r.lookup(n.id, s)
	if v == absent {
		return &undefined{of: absent, name: n.text, kind: UndefinedError}, nil
	}
	return v, nil
}

func (r *run) evalAll(all []expr, s *scope) ([]any, *Error) {
	out := make([]any, len(all))
	for i, x := range all {
		v, err := x.eval(r, s)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, r.spendItems(len(all))
}

func (n *listOf) eval(r *run, s *scope) (any, *Error) {
	all, err := r.evalAll(n.all, s)
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (n *tupleOf) eval(r *run, s *scope) (any, *Error) {
	all, err := r.evalAll(n.all, s)
	if err != nil {
		return nil, err
	}
	return Tuple(all), nil
}

func (n *dictOf) eval(r *run, s *scope) (any, *Error) {
	d := NewDict(len(n.keys))
	for i := range n.keys {
		k, err := n.keys[i].eval(r, s)
		if err != nil {
			return nil, err
		}
		v, err := n.vals[i].eval(r, s)
		if err != nil {
			return nil, err
		}
		if err := d.set(k, v); err != nil {
			return nil, r.at(n.at, err)
		}
	}
	return d, r.spendItems(2 * len(n.keys))
}

func (n *getAttribute) eval(r *run, s *scope) (any, *Error) {
	v, err := n.of.eval(r, s)
	if err != nil {
		return nil, err
	}
	if err := r.step(1); err != nil {
		return nil, err
	}
	v, err = r.attribute(v, n.name)
	return v, r.at(n.at, err)
}

func (n *getItem) eval(r *run, s *scope) (any, *Error) {
	v, err := n.of.eval(r, s)
	if err != nil {
		return nil, err
	}
	key, err := n.key.eval(r, s)
	if err != nil {
		return nil, err
	}
	if err := r.step(1); err != nil {
		return nil, err
	}
	v, err = r.item(v, key)
	return v, r.at(n.at, err)
}

func (n *getSlice) eval(r *run, s *scope) (any, *Error) {
	v, err := n.of.eval(r, s)
	if err != nil {
		return nil, err
	}
	var bounds [3]any
	for i, x := range []expr{n.start, n.stop, n.step} {
		if x != nil {
			if bounds[i], err = x.eval(r, s); err != nil {
				return nil, err
			}
		}
	}
	v, err = r.slice(v, bounds[0], bounds[1], bounds[2])
	return v, r.at(n.at, err)
}

// isTrue is the truth of an expression.
func (r *run) isTrue(x expr, s *scope) (bool, *Error) {
	v, err := x.eval(r, s)
	if err != nil {
		return false, err
	}
	return truth(v), r.step(1)
}

func (n *not) eval(r *run, s *scope) (any, *Error) {
	t, err := r.isTrue(n.x, s)
	return !t, err
}

func (n *both) eval(r *run, s *scope) (any, *Error) {
	v, err := n.a.eval(r, s)
	if err != nil || !truth(v) {
		return v, err
	}
	return n.b.eval(r, s)
}

func (n *either) eval(r *run, s *scope) (any, *Error) {
	v, err := n.a.eval(r, s)
	if err != nil || truth(v) {
		return v, err
	}
	return n.b.eval(r, s)
}

func (n *choice) eval(r *run, s *scope) (any, *Error) {
	t, err := r.isTrue(n.test, s)
	if err != nil {
		return nil, err
	}
	switch {
	case t:
		return n.then.eval(r, s)
	case n.otherwise == nil:
		return &undefined{kind: UndefinedError, hint: "the inline if-expression evaluated to false and no else section was defined."}, nil
	}
	return n.otherwise.eval(r, s)
}

func (n *sign) eval(r *run, s *scope) (any, *Error) {
	v, err := n.x.eval(r, s)
	if err != nil {
		return nil, err
	}
	if !isNumber(v) {
		if u, ok := v.(*undefined); ok {
			return nil, r.at(n.at, u.err())
		}
		op := "+"
		if n.neg {
			op = "-"
		}
		return nil, r.at(n.at, typeErrorf("bad operand type for unary %s: '%s'", op, typeName(v)))
	}
	switch x := v.(type) {
	case float64:
		if n.neg {
			return -x, nil
		}
		return x, nil
	case *big.Int:
		if n.neg {
			return small(new(big.Int).Neg(x)), nil
		}
		return x, nil
	}
	op := "+"
	if n.neg {
		op = "-"
	}
	v, err = arithmetic(op, 0, v)
	return v, r.at(n.at, err)
}

func (n *binary) eval(r *run, s *scope) (any, *Error) {
	a, err := n.a.eval(r, s)
	if err != nil {
		return nil, err
	}
	b, err := n.b.eval(r, s)
	if err != nil {
		return nil, err
	}
	v, err := r.operate(n.op, a, b)
	return v, r.at(n.at, err)
}

// operate does an operation with two values of any kind.
func (r *run) operate(op string, a, b any) (any, *Error) {
	if err := r.step(1); err != nil {
		return nil, err
	}
	if isNumber(a) && isNumber(b) {
		return arithmetic(op, a, b)
	}
	if s, ok := a.(string); ok && op == "%" {
		return r.percent(s, b)
	}
	for _, v := range []any{a, b} {
		if u, ok := v.(*undefined); ok {
			return nil, u.err()
		}
	}
	switch op {
	case "+":
		if v, ok, err := r.join(a, b); ok {
			return v, err
		}
	case "*":
		if n, ok := plainInt(b); ok {
			if v, ok, err := r.repeat(a, n); ok {
				return v, err
			}
		}
		if n, ok := plainInt(a); ok {
			if v, ok, err := r.repeat(b, n); ok {
				return v, err
			}
		}
	case "%":
		if s, ok := text(a); ok {
			return r.percent(s, b)
		}
	}
	if _, ok := a.(string); ok && op == "+" {
		return nil, typeErrorf("can only concatenate str (not %q) to str", typeName(b))
	}
	return nil, typeErrorf("unsupported operand type(s) for %s: '%s' and '%s'", op, typeName(a), typeName(b))
}

// join is + of two texts, lists or tuples.
func (r *run) join(a, b any) (any, bool, *Error) {
	s, okA := text(a)
	t, okB := text(b)
	if okA && okB {
		if err := r.spend(len(s) + len(t)); err != nil {
			return nil, true, err
		}
		_, safeA := a.(markup)
		_, safeB := b.(markup)
		switch {
		case safeA && safeB:
			return markup(s + t), true, nil
		case safeA:
			return markup(s) + escape(t), true, nil
		case safeB:
			return escape(s) + markup(t), true, nil
		}
		return s + t, true, nil
	}
	x, okA := items(a)
	y, okB := items(b)
	if !okA || !okB || typeName(a) != typeName(b) {
		return nil, false, nil
	}
	if err := r.spendItems(len(x) + len(y)); err != nil {
		return nil, true, err
	}
	all := append(append(make([]any, 0, len(x)+len(y)), x...), y...)
	if _, ok := a.(Tuple); ok {
		return Tuple(all), true, nil
	}
	return all, true, nil
}

// repeat is a text, list or tuple n times.
func (r *run) repeat(v any, n int) (any, bool, *Error) {
	n = max(n, 0)
	if s, ok := text(v); ok {
		if s != "" && n > r.limits.Bytes/len(s) {
			n = r.limits.Bytes + 1
			return nil, true, r.spend(n)
		}
		if err := r.spend(n * len(s)); err != nil {
			return nil, true, err
		}
		if s == "" {
			return v, true, nil
		}
		if _, safe := v.(markup); safe {
			return markup(strings.Repeat(s, n)), true, nil
		}
		return strings.Repeat(s, n), true, nil
	}
	all, ok := items(v)
	if !ok {
		return nil, false, nil
	}
	if len(all) > 0 && n > r.limits.Bytes/len(all) {
		return nil, true, r.spend(r.limits.Bytes + 1)
	}
	if err := r.spendItems(n * len(all)); err != nil {
		return nil, true, err
	}
	out := make([]any, 0, n*len(all))
	for len(out) < n*len(all) {
		out = append(out, all...)
	}
	if _, ok := v.(Tuple); ok {
		return Tuple(out), true, nil
	}
	return out, true, nil
}

func (n *concat) eval(r *run, s *scope) (any, *Error) {
	var parts []string
	total := 0
	for _, x := range n.all {
		v, err := x.eval(r, s)
		if err != nil {
			return nil, err
		}
		t, err := r.str(v)
		if err != nil {
			return nil, r.at(n.at, err)
		}
		parts = append(parts, t)
		total += len(t)
	}
	return strings.Join(parts, ""), r.at(n.at, r.spend(total))
}

func (n *comparison) eval(r *run, s *scope) (any, *Error) {
	a, err := n.first.eval(r, s)
	if err != nil {
		return nil, err
	}
	for _, o := range n.rest {
		b, err := o.x.eval(r, s)
		if err != nil {
			return nil, err
		}
		if err := r.step(1); err != nil {
			return nil, err
		}
		var ok bool
		switch o.op {
		case "in":
			ok, err = r.contains(b, a)
		case "not in":
			ok, err = r.contains(b, a)
			ok = !ok
		default:
			ok, err = compare(o.op, a, b)
		}
		if err != nil {
			return nil, r.at(n.at, err)
		}
		if !ok {
			return false, nil
		}
		a = b
	}
	return true, nil
}
