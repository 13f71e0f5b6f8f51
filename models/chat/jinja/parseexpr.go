package jinja

import (
	"slices"
	"strings"
)

// tuple parses an expression, or several with commas between them. The names in ends end it.
func (p *parser) tuple(conditional bool, ends ...string) (expr, *Error) {
	var all []expr
	isTuple := false
	for {
		if len(all) > 0 && p.tupleEnd(ends) {
			break
		}
		if len(all) == 0 && p.tupleEnd(ends) {
			return nil, p.unexpected("an expression")
		}
		x, err := p.conditional(conditional)
		if err != nil {
			return nil, err
		}
		all = append(all, x)
		if !p.skip(tOp, ",") {
			break
		}
		isTuple = true
	}
	if !isTuple {
		return all[0], nil
	}
	return &tupleOf{all}, nil
}

func (p *parser) tupleEnd(ends []string) bool {
	t := p.peek()
	return t.kind == tPrintEnd || t.kind == tBlockEnd || t.is(tOp, ")") || t.kind == tName && slices.Contains(ends, t.text)
}

func (p *parser) expression() (expr, *Error) { return p.conditional(true) }

// conditional parses a if b else c; where it is not allowed, only what stands before the if.
func (p *parser) conditional(allowed bool) (expr, *Error) {
	if err := p.nest(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if !allowed {
		return p.or()
	}
	at := p.peek().at
	x, err := p.or()
	if err != nil {
		return nil, err
	}
	for i := 0; p.skip(tName, "if"); i++ {
		if err := chained(i, nil); err != nil {
			return nil, err
		}
		n := &choice{then: x, at: at}
		if n.test, err = p.or(); err != nil {
			return nil, err
		}
		if p.skip(tName, "else") {
			if n.otherwise, err = p.conditional(true); err != nil {
				return nil, err
			}
		}
		x = n
	}
	return x, nil
}

func (p *parser) or() (expr, *Error) {
	x, err := p.and()
	for n := 0; err == nil && p.skip(tName, "or"); n++ {
		var y expr
		y, err = p.and()
		x = &either{x, y}
		err = chained(n, err)
	}
	return x, err
}

func (p *parser) and() (expr, *Error) {
	x, err := p.not()
	for n := 0; err == nil && p.skip(tName, "and"); n++ {
		var y expr
		y, err = p.not()
		x = &both{x, y}
		err = chained(n, err)
	}
	return x, err
}

func (p *parser) not() (expr, *Error) {
	if !p.skip(tName, "not") {
		return p.comparison()
	}
	if err := p.nest(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	x, err := p.not()
	return &not{x}, err
}

func (p *parser) comparison() (expr, *Error) {
	x, err := p.sum()
	if err != nil {
		return nil, err
	}
	n := &comparison{first: x, at: p.peek().at}
	for {
		var op string
		switch t := p.peek(); {
		case t.kind == tOp && slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, t.text):
			op = t.text
		case t.is(tName, "in"):
			op = "in"
		case t.is(tName, "not") && p.look().is(tName, "in"):
			op = "not in"
			p.next()
		}
		if op == "" {
			break
		}
		p.next()
		y, err := p.sum()
		if err != nil {
			return nil, err
		}
		n.rest = append(n.rest, operand{op, y})
	}
	if len(n.rest) == 0 {
		return x, nil
	}
	return n, nil
}

// leftward parses operators of one strength, which bind to the left.
func (p *parser) leftward(operand func() (expr, *Error), ops ...string) (expr, *Error) {
	x, err := operand()
	for n := 0; err == nil && p.peek().kind == tOp && slices.Contains(ops, p.peek().text); n++ {
		t := p.next()
		var y expr
		y, err = operand()
		x = &binary{t.text, x, y, t.at}
		err = chained(n, err)
	}
	return x, err
}

func (p *parser) sum() (expr, *Error) { return p.leftward(p.concat, "+", "-") }

func (p *parser) concat() (expr, *Error) {
	at := p.peek().at
	x, err := p.product()
	if err != nil || !p.op("~") {
		return x, err
	}
	n := &concat{all: []expr{x}, at: at}
	for p.skip(tOp, "~") {
		if x, err = p.product(); err != nil {
			return nil, err
		}
		n.all = append(n.all, x)
	}
	return n, nil
}

func (p *parser) product() (expr, *Error) { return p.leftward(p.power, "*", "/", "//", "%") }
func (p *parser) power() (expr, *Error) {
	return p.leftward(func() (expr, *Error) { return p.unary(true) }, "**")
}

func (p *parser) unary(filtered bool) (expr, *Error) {
	if err := p.nest(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	var x expr
	var err *Error
	if t := p.peek(); t.is(tOp, "-") || t.is(tOp, "+") {
		p.next()
		if x, err = p.unary(false); err == nil {
			x = &sign{x, t.text == "-", t.at}
		}
	} else {
		x, err = p.primary()
	}
	if err == nil {
		x, err = p.postfix(x)
	}
	if err == nil && filtered {
		x, err = p.filtered(x)
	}
	return x, err
}

func (p *parser) primary() (expr, *Error) {
	t := p.peek()
	switch {
	case t.kind == tName:
		p.next()
		switch t.text {
		case "true", "True":
			return constant{true}, nil
		case "false", "False":
			return constant{false}, nil
		case "none", "None":
			return constant{nil}, nil
		}
		for _, used := range p.uses {
			used[t.text] = true
		}
		return &name{p.id(t.text), t.at, t.text}, nil
	case t.kind == tString:
		text := p.next().text
		if p.peek().kind == tString {
			var b strings.Builder
			b.WriteString(text)
			for p.peek().kind == tString {
				b.WriteString(p.next().text)
			}
			text = b.String()
		}
		return constant{text}, nil
	case t.kind == tNumber:
		return constant{p.next().value}, nil
	case t.is(tOp, "("):
		p.next()
		if p.skip(tOp, ")") {
			return constant{Tuple{}}, nil
		}
		x, err := p.tuple(true)
		if err != nil {
			return nil, err
		}
		return x, p.expectOp(")")
	case t.is(tOp, "["):
		return p.listOf()
	case t.is(tOp, "{"):
		return p.dictOf()
	}
	return nil, errorf(SyntaxError, "unexpected %s", t.describe())
}

func (p *parser) listOf() (expr, *Error) {
	p.next()
	n := &listOf{}
	for !p.op("]") {
		if len(n.all) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
			if p.op("]") {
				break
			}
		}
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		n.all = append(n.all, x)
	}
	return n, p.expectOp("]")
}

func (p *parser) dictOf() (expr, *Error) {
	n := &dictOf{at: p.next().at}
	for !p.op("}") {
		if len(n.keys) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
			if p.op("}") {
				break
			}
		}
		k, err := p.expression()
		if err != nil {
			return nil, err
		}
		if err := p.expectOp(":"); err != nil {
			return nil, err
		}
		v, err := p.expression()
		if err != nil {
			return nil, err
		}
		n.keys, n.vals = append(n.keys, k), append(n.vals, v)
	}
	return n, p.expectOp("}")
}

// maxChain bounds a row of operators, attributes, calls and filters, each of which is a node within the next.
const maxChain = 1000

// chained is an error when a row has gone on for n operators and that is too much.
func chained(n int, err *Error) *Error {
	if err == nil && n >= maxChain {
		return errorf(SyntaxError, "more than %d operators in a row", maxChain)
	}
	return err
}

func (p *parser) postfix(x expr) (expr, *Error) {
	for range maxChain {
		var err *Error
		switch t := p.peek(); {
		case t.is(tOp, "."):
			x, err = p.member(x)
		case t.is(tOp, "["):
			x, err = p.subscript(x)
		case t.is(tOp, "("):
			x, err = p.call(x)
		default:
			return x, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, errorf(SyntaxError, "more than %d attributes and calls in a row", maxChain)
}

func (p *parser) filtered(x expr) (expr, *Error) {
	for range maxChain {
		var err *Error
		switch t := p.peek(); {
		case t.is(tOp, "|"):
			p.next()
			x, err = p.filter(x)
		case t.is(tName, "is"):
			x, err = p.test(x)
		case t.is(tOp, "("):
			x, err = p.call(x)
		default:
			return x, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, errorf(SyntaxError, "more than %d filters and tests in a row", maxChain)
}

func (p *parser) member(x expr) (expr, *Error) {
	at := p.next().at
	switch t := p.peek(); t.kind {
	case tName:
		p.next()
		p.id(t.text) // for Uses
		return &getAttribute{x, t.text, at}, nil
	case tNumber:
		if _, ok := t.value.(int); ok {
			p.next()
			return &getItem{x, constant{t.value}, at}, nil
		}
	}
	return nil, p.unexpected("a name or a number")
}

func (p *parser) subscript(x expr) (expr, *Error) {
	at := p.next().at
	if p.op(":") {
		return p.slice(x, nil, at)
	}
	key, err := p.expression()
	if err != nil {
		return nil, err
	}
	if p.op(":") {
		return p.slice(x, key, at)
	}
	if p.op(",") {
		all := []expr{key}
		for p.skip(tOp, ",") && !p.op("]") {
			if key, err = p.expression(); err != nil {
				return nil, err
			}
			all = append(all, key)
		}
		key = &tupleOf{all}
	}
	if c, ok := key.(constant); ok {
		if text, ok := c.v.(string); ok {
			p.id(text)
		}
	}
	return &getItem{x, key, at}, p.expectOp("]")
}

func (p *parser) slice(x, start expr, at int) (expr, *Error) {
	n := &getSlice{of: x, start: start, at: at}
	for _, to := range []*expr{&n.stop, &n.step} {
		if !p.skip(tOp, ":") {
			break
		}
		if !p.op(":") && !p.op("]") {
			var err *Error
			if *to, err = p.expression(); err != nil {
				return nil, err
			}
		}
	}
	return n, p.expectOp("]")
}

func (p *parser) call(f expr) (expr, *Error) {
	n := &callNode{f: f, at: p.peek().at}
	return n, p.arguments(&n.args)
}

func (p *parser) arguments(a *arguments) *Error {
	at := p.at
	bad := func() *Error {
		p.at = at
		return errorf(SyntaxError, "invalid syntax for function call expression")
	}
	if err := p.expectOp("("); err != nil {
		return err
	}
	for first := true; !p.op(")"); first = false {
		if !first {
			if err := p.expectOp(","); err != nil {
				return err
			}
			if p.op(")") {
				break
			}
		}
		var err *Error
		switch {
		case p.op("*"):
			if a.star != nil || a.map_ != nil {
				return bad()
			}
			p.next()
			a.star, err = p.expression()
		case p.op("**"):
			if a.map_ != nil {
				return bad()
			}
			p.next()
			a.map_, err = p.expression()
		case p.peek().kind == tName && p.look().is(tOp, "="):
			if a.map_ != nil {
				return bad()
			}
			key := p.next().text
			p.next()
			if slices.Contains(a.names, key) {
				return errorf(SyntaxError, "keyword argument repeated: %s", key)
			}
			var x expr
			x, err = p.expression()
			a.names, a.vals = append(a.names, key), append(a.vals, x)
		default:
			if a.star != nil || a.map_ != nil || len(a.names) > 0 {
				return bad()
			}
			var x expr
			x, err = p.expression()
			a.pos = append(a.pos, x)
		}
		if err != nil {
			return err
		}
	}
	return p.expectOp(")")
}

// dotted parses a name with dots in it.
func (p *parser) dotted() (string, int, *Error) {
	t, err := p.expectName()
	if err != nil {
		return "", 0, err
	}
	full := t.text
	for p.skip(tOp, ".") {
		more, err := p.expectName()
		if err != nil {
			return "", 0, err
		}
		full += "." + more.text
	}
	return full, t.at, nil
}

// filter parses a filter's name and arguments.
func (p *parser) filter(x expr) (*filterNode, *Error) {
	where := p.at
	full, at, err := p.dotted()
	if err != nil {
		return nil, err
	}
	n := &filterNode{x: x, name: full, at: at}
	if f, ok := p.t.env.filters[full]; ok {
		n.f = &f
	} else if p.branch == 0 {
		p.at = where
		return nil, noFilter(full)
	}
	if p.op("(") {
		err = p.arguments(&n.args)
	}
	return n, err
}

func (p *parser) test(x expr) (expr, *Error) {
	p.next()
	negated := p.skip(tName, "not")
	where := p.at
	full, at, err := p.dotted()
	if err != nil {
		return nil, err
	}
	n := &testNode{x: x, name: full, at: at}
	if f, ok := p.t.env.tests[full]; ok {
		n.f = &f
	} else if p.branch == 0 {
		p.at = where
		return nil, noTest(full)
	}
	switch t := p.peek(); {
	case t.is(tOp, "("):
		err = p.arguments(&n.args)
	case t.kind == tName && slices.Contains([]string{"else", "or", "and"}, t.text):
	case t.kind == tName && t.text == "is":
		return nil, errorf(SyntaxError, "You cannot chain multiple tests with is")
	case t.kind == tName || t.kind == tString || t.kind == tNumber || t.is(tOp, "[") || t.is(tOp, "{"):
		var arg expr
		if arg, err = p.primary(); err == nil {
			arg, err = p.postfix(arg)
		}
		n.args.pos = []expr{arg}
	}
	if err != nil || !negated {
		return n, err
	}
	return &not{n}, nil
}
