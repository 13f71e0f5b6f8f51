package jinja

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// parser turns tokens into nodes.
type parser struct {
	t      *Template
	tokens []token
	at     int
	depth  int // of nested statements and expressions
	loops  int // that a break would end
	branch int // of if and the like, in which an unknown filter is an error only when it is reached
	closes int // macros and callers so far
	uses   []map[string]bool
	open   []int // the tags around this place, by their tokens
}

// maxNesting bounds the nesting of statements and expressions, so that no template can exhaust the stack.
const maxNesting = 200

// maxSource bounds the text of a template.
const maxSource = 8 << 20

func parse(src source) (t *Template, err *Error) {
	t = &Template{src: src, ids: map[string]int{}, env: newEnvironment()}
	if len(src.text) > maxSource {
		return nil, src.place(errorf(SyntaxError, "the template has %d bytes, more than %d", len(src.text), maxSource), 0)
	}
	if !utf8.ValidString(src.text) {
		return nil, src.place(errorf(SyntaxError, "the template is not UTF-8"), 0)
	}
	tokens, at, err := lex(src.text)
	if err != nil {
		return nil, src.place(err, at)
	}
	p := &parser{t: t, tokens: tokens}
	t.body, _, err = p.statements()
	if err != nil {
		return nil, src.place(err, p.peek().at)
	}
	for name, id := range t.ids {
		if f, ok := t.env.globals[name]; ok {
			t.base[id] = f
		}
	}
	return t, nil
}

// id is the number of a name.
func (p *parser) id(name string) int {
	id, ok := p.t.ids[name]
	if !ok {
		id = len(p.t.base)
		p.t.ids[name] = id
		p.t.base = append(p.t.base, absent)
	}
	return id
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tEOF {
		p.at++
	}
	return t
}

func (p *parser) look() token { return p.tokens[min(p.at+1, len(p.tokens)-1)] }

func (p *parser) op(text string) bool { return p.peek().is(tOp, text) }

// skip passes over an operator or name, if it is there.
func (p *parser) skip(kind kind, text string) bool {
	if !p.peek().is(kind, text) {
		return false
	}
	p.at++
	return true
}

func (p *parser) expectOp(text string) *Error {
	if !p.skip(tOp, text) {
		return p.unexpected("%q", text)
	}
	return nil
}

func (p *parser) expectName() (token, *Error) {
	if p.peek().kind != tName {
		return token{}, p.unexpected("a name")
	}
	return p.next(), nil
}

func (p *parser) unexpected(format string, args ...any) *Error {
	return errorf(SyntaxError, "want "+format+", have "+p.peek().describe(), args...)
}

// nest counts nesting; what it returns ends it.
func (p *parser) nest() *Error {
	if p.depth++; p.depth > maxNesting {
		return errorf(SyntaxError, "nested more than %d levels deep", maxNesting)
	}
	return nil
}

// statements parses up to one of the end tags, whose name it reads; without end tags up to the end.
func (p *parser) statements(ends ...string) (body []stmt, end string, err *Error) {
	if err := p.nest(); err != nil {
		return nil, "", err
	}
	defer func() { p.depth-- }()
	for {
		switch t := p.next(); t.kind {
		case tEOF:
			if len(ends) > 0 {
				p.at = p.open[len(p.open)-1]
				return nil, "", errorf(SyntaxError, "this has no end: want {%% %s %%}", strings.Join(ends, " %} or {% "))
			}
			return body, "", nil
		case tData:
			body = append(body, &data{t.text})
		case tPrintBegin:
			at := p.peek().at
			x, err := p.tuple(true)
			if err != nil {
				return nil, "", err
			}
			if p.peek().kind != tPrintEnd {
				return nil, "", p.unexpected(`"}}"`)
			}
			p.next()
			body = append(body, &print{x, at})
		case tBlockBegin:
			tag := p.peek()
			if tag.kind != tName {
				return nil, "", p.unexpected("the name of a tag")
			}
			if slices.Contains(ends, tag.text) {
				p.next()
				return body, tag.text, nil
			}
			more, err := p.statement()
			if err != nil {
				return nil, "", err
			}
			if err := p.blockEnd(); err != nil {
				return nil, "", err
			}
			body = append(body, more...)
		}
	}
}

func (p *parser) blockEnd() *Error {
	if p.peek().kind != tBlockEnd {
		return p.unexpected(`"%%}"`)
	}
	p.next()
	return nil
}

// block parses what stands between a tag and its end, without loop controls of loops around it where alone is set.
func (p *parser) block(alone bool, ends ...string) (body []stmt, end string, err *Error) {
	p.skip(tOp, ":")
	if err := p.blockEnd(); err != nil {
		return nil, "", err
	}
	if alone {
		loops := p.loops
		p.loops = 0
		defer func() { p.loops = loops }()
	}
	return p.statements(ends...)
}

func (p *parser) statement() ([]stmt, *Error) {
	p.open = append(p.open, p.at)
	defer func() { p.open = p.open[:len(p.open)-1] }()
	tag := p.next()
	one := func(n stmt, err *Error) ([]stmt, *Error) { return []stmt{n}, err }
	switch tag.text {
	case "if":
		return one(p.ifTag())
	case "for":
		return one(p.forTag(tag.at))
	case "set":
		return one(p.setTag(tag.at))
	case "with":
		return one(p.withTag(tag.at))
	case "print":
		return p.printTag()
	case "macro":
		return one(p.macroTag(tag.at))
	case "call":
		return one(p.callTag(tag.at))
	case "filter":
		return one(p.filterTag(tag.at))
	case "generation":
		p.t.masks = true
		p.closes++
		body, _, err := p.block(true, "endgeneration")
		return one(&generation{body, tag.at}, err)
	case "break", "continue":
		if p.loops == 0 {
			p.at--
			return nil, errorf(SyntaxError, "'%s' outside loop", tag.text)
		}
		if tag.text == "break" {
			return one(&control{errBreak}, nil)
		}
		return one(&control{errContinue}, nil)
	case "block":
		return one(p.blockTag())
	case "include", "import", "from", "extends":
		for p.peek().kind != tBlockEnd && p.peek().kind != tEOF {
			p.next()
		}
		return one(&failure{errorf(Unsupported, "{%% %s %%}: a chat template reads no other files", tag.text), tag.at}, nil)
	case "autoescape":
		p.at--
		return nil, errorf(Unsupported, "{%% autoescape %%} is not supported")
	}
	p.at--
	return nil, errorf(SyntaxError, "Encountered unknown tag '%s'.", tag.text)
}

func (p *parser) ifTag() (stmt, *Error) {
	p.branch++
	defer func() { p.branch-- }()
	test, err := p.tuple(false)
	if err != nil {
		return nil, err
	}
	n := &ifNode{test: test}
	var end string
	if n.body, end, err = p.block(false, "elif", "else", "endif"); err != nil {
		return nil, err
	}
	switch end {
	case "elif":
		if err := p.nest(); err != nil {
			return nil, err
		}
		defer func() { p.depth-- }()
		more, err := p.ifTag()
		if err != nil {
			return nil, err
		}
		n.elseBody = []stmt{more}
	case "else":
		n.elseBody, _, err = p.block(false, "endif")
	}
	return n, err
}

func (p *parser) forTag(at int) (stmt, *Error) {
	n := &forNode{at: at, loopID: p.id("loop")}
	var err *Error
	where := p.at
	if n.to, err = p.target(false, "in"); err != nil {
		return nil, err
	}
	if n.to.text == "loop" {
		p.at = where
		return nil, errorf(SyntaxError, "Can't assign to special loop variable in for-loop target")
	}
	if !p.skip(tName, "in") {
		return nil, p.unexpected("\"in\"")
	}
	if n.over, err = p.tuple(false, "recursive"); err != nil {
		return nil, err
	}
	if p.skip(tName, "if") {
		if n.test, err = p.expression(); err != nil {
			return nil, err
		}
	}
	n.recursive = p.skip(tName, "recursive")
	closes := p.closes
	p.loops++
	var end string
	n.body, end, err = p.block(false, "endfor", "else")
	p.loops--
	if err != nil {
		return nil, err
	}
	n.closures = p.closes > closes || n.recursive
	if end == "else" {
		n.elseBody, _, err = p.block(false, "endfor")
	}
	return n, err
}

func (p *parser) setTag(at int) (stmt, *Error) {
	to, err := p.target(true)
	if err != nil {
		return nil, err
	}
	if p.skip(tOp, "=") {
		x, err := p.tuple(true)
		return &setNode{to, x, at}, err
	}
	n := &setBlock{to: to, at: at}
	if n.filter, err = p.filters(); err != nil {
		return nil, err
	}
	n.body, _, err = p.block(true, "endset")
	return n, err
}

func (p *parser) withTag(at int) (stmt, *Error) {
	n := &withNode{at: at}
	for p.peek().kind != tBlockEnd {
		if len(n.to) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		to, err := p.target(false)
		if err != nil {
			return nil, err
		}
		if err := p.expectOp("="); err != nil {
			return nil, err
		}
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		n.to, n.vals = append(n.to, to), append(n.vals, x)
	}
	var err *Error
	n.body, _, err = p.block(false, "endwith")
	return n, err
}

func (p *parser) printTag() ([]stmt, *Error) {
	var all []stmt
	for p.peek().kind != tBlockEnd {
		if len(all) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		at := p.peek().at
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		all = append(all, &print{x, at})
	}
	return all, nil
}

func (p *parser) macroTag(at int) (stmt, *Error) {
	t, err := p.expectName()
	if err != nil {
		return nil, err
	}
	n := &macroNode{name: t.text, at: at}
	if err := p.signature(n); err != nil {
		return nil, err
	}
	id := p.id(n.name)
	if err := p.macroBody(n, "endmacro"); err != nil {
		return nil, err
	}
	return &defineMacro{n, id}, nil
}

// macroBody parses the body of a macro or call block and sees which of the special names it uses.
func (p *parser) macroBody(n *macroNode, end string) (err *Error) {
	p.closes++
	p.uses = append(p.uses, map[string]bool{})
	n.body, _, err = p.block(true, end)
	used := p.uses[len(p.uses)-1]
	p.uses = p.uses[:len(p.uses)-1]
	special := func(name string) int {
		if used[name] {
			return p.id(name)
		}
		return -1
	}
	n.callerID, n.varID, n.kwID = special("caller"), special("varargs"), special("kwargs")
	return err
}

func (p *parser) signature(n *macroNode) *Error {
	if err := p.expectOp("("); err != nil {
		return err
	}
	for !p.op(")") {
		if len(n.params) > 0 {
			if err := p.expectOp(","); err != nil {
				return err
			}
		}
		t, err := p.expectName()
		if err != nil {
			return err
		}
		if err := assignable(t.text); err != nil {
			return err
		}
		arg := param{id: p.id(t.text), name: t.text}
		if p.skip(tOp, "=") {
			if arg.otherwise, err = p.expression(); err != nil {
				return err
			}
		} else if len(n.params) > 0 && n.params[len(n.params)-1].otherwise != nil {
			return errorf(SyntaxError, "non-default argument follows default argument")
		}
		n.params = append(n.params, arg)
	}
	return p.expectOp(")")
}

func (p *parser) callTag(at int) (stmt, *Error) {
	n := &callBlock{caller: &macroNode{name: "caller", at: at}, at: at}
	if p.op("(") {
		if err := p.signature(n.caller); err != nil {
			return nil, err
		}
	}
	where := p.at
	x, err := p.expression()
	if err != nil {
		return nil, err
	}
	call, ok := x.(*callNode)
	if !ok {
		p.at = where
		return nil, errorf(SyntaxError, "expected call")
	}
	n.call = call
	return n, p.macroBody(n.caller, "endcall")
}

func (p *parser) filterTag(at int) (stmt, *Error) {
	n := &filterBlock{at: at}
	first, err := p.filter(nil)
	if err != nil {
		return nil, err
	}
	more, err := p.filters()
	if err != nil {
		return nil, err
	}
	n.filter = append([]*filterNode{first}, more...)
	n.body, _, err = p.block(true, "endfilter")
	return n, err
}

// filters parses |a|b, which have no value of their own.
func (p *parser) filters() ([]*filterNode, *Error) {
	var all []*filterNode
	for p.skip(tOp, "|") {
		f, err := p.filter(nil)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

func (p *parser) blockTag() (stmt, *Error) {
	t, err := p.expectName()
	if err != nil {
		return nil, err
	}
	p.skip(tName, "scoped")
	p.skip(tName, "required")
	body, _, err := p.block(true, "endblock")
	if err != nil {
		return nil, err
	}
	p.skip(tName, t.text)
	return &block{body}, nil
}

func assignable(name string) *Error {
	switch name {
	case "true", "false", "none", "True", "False", "None":
		return errorf(SyntaxError, "can't assign to '%s'", name)
	}
	return nil
}

// target parses what a statement assigns to, up to a name that ends it.
func (p *parser) target(namespaces bool, ends ...string) (target, *Error) {
	var all []target
	tuple := false
	for {
		if len(all) > 0 && p.targetEnd(ends) {
			break
		}
		t, err := p.oneTarget(namespaces)
		if err != nil {
			return t, err
		}
		all = append(all, t)
		if !p.skip(tOp, ",") {
			break
		}
		tuple = true
	}
	if !tuple {
		return all[0], nil
	}
	return target{all: all}, nil
}

func (p *parser) targetEnd(ends []string) bool {
	t := p.peek()
	return t.kind == tBlockEnd || t.is(tOp, ")") || t.is(tOp, "=") || t.kind == tName && slices.Contains(ends, t.text)
}

func (p *parser) oneTarget(namespaces bool) (target, *Error) {
	if p.skip(tOp, "(") {
		if err := p.nest(); err != nil {
			return target{}, err
		}
		defer func() { p.depth-- }()
		t, err := p.target(namespaces)
		if err != nil {
			return t, err
		}
		return t, p.expectOp(")")
	}
	t, err := p.expectName()
	if err != nil {
		return target{}, err
	}
	if err := assignable(t.text); err != nil {
		p.at--
		return target{}, err
	}
	to := target{id: p.id(t.text), text: t.text}
	if namespaces && p.skip(tOp, ".") {
		attr, err := p.expectName()
		if err != nil {
			return to, err
		}
		to.attr = attr.text
	}
	return to, nil
}
