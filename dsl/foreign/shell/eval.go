package shell

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/belay-ml/belay/dsl/pos"
)

// eval follows the statements of a script.
type eval struct {
	file     *pos.File
	vars     map[string]value
	commands []Command
	notes    []Note
	work     int
	fields   int
	over     pos.Span // where a bound was passed
}

func newEval(f *pos.File) *eval { return &eval{file: f, vars: map[string]value{}} }

func (e *eval) span(n syntax.Node) pos.Span { return at(e.file, n.Pos(), n.End()) }

// line is a node's text in one line, cut short.
func (e *eval) line(n syntax.Node) string { return e.between(n.Pos(), n.End()) }

func (e *eval) between(from, to syntax.Pos) string {
	lo := offset(e.file, from)
	text := strings.Join(strings.Fields(e.file.Text[lo:max(lo, offset(e.file, to))]), " ")
	if r := []rune(text); len(r) > 60 {
		text = string(r[:57]) + "..."
	}
	return text
}

// spend counts work and says whether there is some left.
func (e *eval) spend(n int, where syntax.Node) bool {
	if e.work += n + 1; e.work > maxWork && !e.over.Known() {
		e.over = at(e.file, where.Pos(), where.Pos())
	}
	return !e.over.Known()
}

func (e *eval) note(n syntax.Node, why string) {
	e.notes = append(e.notes, Note{Text: e.line(n), Why: why, Span: e.span(n)})
}

func (e *eval) stmts(list []*syntax.Stmt) {
	for _, s := range list {
		e.stmt(s, nil)
	}
}

// stmt follows one statement; more is what its commands are piped to. maybe says that what follows behind && or || may
// not run, because the statement is a test.
func (e *eval) stmt(s *syntax.Stmt, more []Note) (maybe bool) {
	if s == nil || s.Cmd == nil || !e.spend(1, s) {
		return false
	}
	for _, r := range s.Redirs {
		end := r.Word.End() // not that of a here-document, whose text lies below
		more = append(more, Note{Text: e.between(r.Pos(), end), Why: redirection(r), Span: at(e.file, r.Pos(), end)})
	}
	switch c := s.Cmd.(type) {
	case *syntax.CallExpr:
		if len(c.Args) > 0 && (c.Args[0].Lit() == "[" || c.Args[0].Lit() == "test") {
			return true
		}
		e.call(c, more)
	case *syntax.DeclClause:
		e.declare(c)
	case *syntax.BinaryCmd:
		return e.binary(c, more)
	case *syntax.Block:
		e.stmts(c.Stmts)
	case *syntax.Subshell:
		e.stmts(c.Stmts)
	case *syntax.TimeClause:
		e.stmt(c.Stmt, more)
	case *syntax.IfClause:
		e.skip(c, "a condition is not decided: what stands inside is not imported")
	case *syntax.CaseClause:
		e.skip(c, "a case is not decided: what stands inside is not imported")
	case *syntax.ForClause, *syntax.WhileClause:
		e.skip(c, "a loop is not followed: what stands inside is not imported")
	case *syntax.FuncDecl:
		e.skip(c, "a function is not followed: what stands inside is not imported")
	case *syntax.TestClause, *syntax.ArithmCmd:
		return true
	default:
		e.skip(c, "not followed")
	}
	return false
}

func redirection(r *syntax.Redirect) string {
	switch {
	case r.Hdoc != nil || r.Op == syntax.WordHdoc:
		return "a here-document is not read"
	case r.Op == syntax.RdrIn || r.Op == syntax.RdrInOut || r.Op == syntax.DplIn:
		return "what a program reads from its standard input is not followed"
	}
	return logged
}

// binary follows both sides of &&, and the left of || and a pipe. What stands behind a test may not run.
func (e *eval) binary(c *syntax.BinaryCmd, more []Note) (maybe bool) {
	if c.Op == syntax.Pipe || c.Op == syntax.PipeAll {
		note := Note{Text: "| " + e.line(c.Y), Why: logged, Span: e.span(c.Y)}
		return e.stmt(c.X, append(more, note))
	}
	maybe = e.stmt(c.X, more)
	if maybe || c.Op == syntax.OrStmt {
		e.skip(c.Y, "a condition is not decided: what stands behind it is not imported")
		return maybe
	}
	return e.stmt(c.Y, more)
}

// skip notes a statement and makes the variables unknown that it may set.
func (e *eval) skip(n syntax.Node, why string) {
	e.note(n, why)
	forget := func(name string, at syntax.Node) {
		h := &Hole{Text: "$" + name, Why: "it is set where not every run comes by", Span: e.span(at)}
		e.vars[name] = scalar([]piece{{hole: h}})
	}
	syntax.Walk(n, func(n syntax.Node) bool {
		switch x := n.(type) {
		case *syntax.Assign:
			if x.Name != nil {
				forget(x.Name.Value, x)
			}
		case *syntax.WordIter:
			forget(x.Name.Value, x)
		case *syntax.CallExpr:
			if len(x.Args) > 0 && x.Args[0].Lit() == "read" {
				for _, w := range x.Args[1:] {
					if name := w.Lit(); syntax.ValidName(name) {
						forget(name, w)
					}
				}
			}
		}
		return true
	})
}

// call is a simple command, or assignments without one.
func (e *eval) call(c *syntax.CallExpr, more []Note) {
	if len(c.Args) == 0 {
		for _, a := range c.Assigns {
			e.assign(a)
		}
		return
	}
	cmd := Command{Span: e.span(c)}
	for _, a := range c.Assigns {
		cmd.Notes = append(cmd.Notes, Note{Text: e.line(a), Why: environment, Span: e.span(a)})
	}
	for _, w := range c.Args {
		cmd.Fields = append(cmd.Fields, e.split(w)...)
	}
	if e.fields += len(cmd.Fields); e.fields > maxFields && !e.over.Known() {
		e.over = cmd.Span
	}
	if e.over.Known() || len(cmd.Fields) == 0 {
		return
	}
	cmd.Notes = append(cmd.Notes, more...)
	if cmd.Fields[0].Text == "read" {
		e.skip(c, "what a person types is not known")
		return
	}
	e.commands = append(e.commands, cmd)
}

// Why some notes are there.
const (
	environment = "an environment variable of the reference's programs"
	logged      = "belay keeps the logs of its runs"
)

// declare is export, declare, local and readonly.
func (e *eval) declare(c *syntax.DeclClause) {
	for _, a := range c.Args {
		if a.Name == nil {
			continue
		}
		if !a.Naked {
			e.assign(a)
		}
		if c.Variant.Value == "export" {
			e.notes = append(e.notes, Note{Text: "export " + e.line(a), Why: environment, Span: e.span(a)})
		}
	}
}

func (e *eval) assign(a *syntax.Assign) {
	if a.Name == nil {
		return
	}
	name := a.Name.Value
	old := e.vars[name]
	switch {
	case a.Index != nil:
		h := &Hole{Text: "$" + name, Why: "items of arrays are not followed", Span: e.span(a)}
		e.vars[name] = scalar([]piece{{hole: h}})
	case a.Array != nil:
		v := value{array: true}
		if a.Append {
			v.items = append(v.items, old.items...)
		}
		for _, el := range a.Array.Elems {
			if el.Value != nil {
				v.items = append(v.items, e.words(el.Value)...)
			}
		}
		if e.spend(len(v.items), a) {
			e.vars[name] = v
		}
	default:
		var ps []piece
		if a.Append {
			ps = append(ps, old.first()...)
		}
		if a.Value != nil {
			ps = append(ps, e.join(a.Value)...)
		}
		if !e.spend(size(ps), a) {
			return
		}
		if a.Append && old.array {
			items := append([][]piece{ps}, old.items[min(1, len(old.items)):]...)
			e.vars[name] = value{items: items, array: true}
			return
		}
		e.vars[name] = scalar(ps)
	}
}

func size(ps []piece) int {
	n := len(ps)
	for _, p := range ps {
		n += len(p.text)
	}
	return n
}
