package shell

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// split is the arguments that a word of a command becomes.
func (e *eval) split(w *syntax.Word) []Field {
	var out []Field
	for _, ps := range e.words(w) {
		out = append(out, e.field(ps, e.span(w)))
	}
	return out
}

func (e *eval) words(w *syntax.Word) [][]piece {
	var s splitter
	for _, part := range w.Parts {
		e.part(part, &s)
	}
	s.end()
	return s.done
}

// part adds one part of a word outside quotes.
func (e *eval) part(part syntax.WordPart, s *splitter) {
	if !e.spend(1, part) {
		return
	}
	switch x := part.(type) {
	case *syntax.Lit:
		s.add(e.literal(x.Pos(), x.End(), false)...)
	case *syntax.SglQuoted:
		s.add(e.single(x)...)
	case *syntax.DblQuoted:
		e.quoted(x, s)
	default:
		if v, ok := e.array(part); ok {
			for i, item := range v.items {
				if i > 0 {
					s.end()
				}
				e.copied(item, part)
				s.split(item)
			}
			return
		}
		ps := e.expand(part)
		e.copied(ps, part)
		s.split(ps)
	}
}

// quoted adds a text in double quotes: one field, but for "${A[@]}".
func (e *eval) quoted(q *syntax.DblQuoted, s *splitter) {
	if len(q.Parts) == 1 {
		if v, ok := e.array(q.Parts[0]); ok {
			for i, item := range v.items {
				if i > 0 {
					s.end()
				}
				e.copied(item, q)
				s.add(item...)
			}
			return
		}
	}
	s.open = true
	for _, part := range q.Parts {
		s.add(e.inQuotes(part)...)
	}
}

func (e *eval) inQuotes(part syntax.WordPart) []piece {
	if !e.spend(1, part) {
		return nil
	}
	if l, ok := part.(*syntax.Lit); ok {
		return e.literal(l.Pos(), l.End(), true)
	}
	ps := e.expand(part)
	e.copied(ps, part)
	return ps
}

// copied pays for pieces that are used once more.
func (e *eval) copied(ps []piece, where syntax.Node) { e.spend(size(ps), where) }

// join is a word without splitting, as on the right of an assignment.
func (e *eval) join(w *syntax.Word) []piece {
	var ps []piece
	for _, part := range w.Parts {
		if !e.spend(1, part) {
			return nil
		}
		switch x := part.(type) {
		case *syntax.Lit:
			ps = append(ps, e.literal(x.Pos(), x.End(), false)...)
		case *syntax.SglQuoted:
			ps = append(ps, e.single(x)...)
		case *syntax.DblQuoted:
			for _, p := range x.Parts {
				ps = append(ps, e.inQuotes(p)...)
			}
		default:
			more := e.expand(part)
			e.copied(more, part)
			ps = append(ps, more...)
		}
	}
	return ps
}

// literal is a stretch of the file without its escapes. Each piece lies where it is written. The parser ends a stretch
// within the escape of a line's end, so that is looked for beyond it.
func (e *eval) literal(from, to syntax.Pos, quoted bool) []piece {
	lo, hi := offset(e.file, from), offset(e.file, to)
	e.spend(hi-lo, posNode{from, to})
	text := e.file.Text
	var ps []piece
	start := lo
	flush := func(end int) {
		if end = min(end, hi); end > start {
			ps = append(ps, piece{text: text[start:end], at: start})
		}
	}
	for i := lo; i < hi; {
		rest, gone := text[i:], 0
		switch {
		case strings.HasPrefix(rest, "\r\n"):
			gone = 1
		case strings.HasPrefix(rest, "\\\n"):
			gone = 2
		case strings.HasPrefix(rest, "\\\r\n"):
			gone = 3
		case rest[0] != '\\' || i+1 >= hi:
			i++
			continue
		case quoted && !strings.ContainsRune("$`\"\\", rune(rest[1])):
			i += 2
			continue
		default: // the character behind the backslash stands for itself
			flush(i)
			start, i = i+1, i+2
			continue
		}
		flush(i)
		i += gone
		start = i
	}
	flush(hi)
	return ps
}

// posNode is a stretch of the file as a node.
type posNode struct{ from, to syntax.Pos }

func (p posNode) Pos() syntax.Pos { return p.from }
func (p posNode) End() syntax.Pos { return p.to }

func (e *eval) single(q *syntax.SglQuoted) []piece {
	text := q.Value
	if q.Dollar {
		text = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\\`, `\`, `\'`, `'`).Replace(text)
	}
	e.spend(len(text), q)
	skip := 1
	if q.Dollar {
		skip = 2
	}
	return []piece{{text: text, at: offset(e.file, q.Pos()) + skip}}
}

// array is the array that ${A[@]} or ${A[*]} names.
func (e *eval) array(part syntax.WordPart) (value, bool) {
	p, ok := part.(*syntax.ParamExp)
	if !ok || p.Param == nil || p.Index == nil || !plain(p) || p.Exp != nil {
		return value{}, false
	}
	w, ok := p.Index.(*syntax.Word)
	if !ok || w.Lit() != "@" && w.Lit() != "*" {
		return value{}, false
	}
	v, set := e.vars[p.Param.Value]
	return v, set
}

// plain says whether an expansion changes nothing about the value.
func plain(p *syntax.ParamExp) bool {
	return !p.Excl && !p.Length && !p.Width && !p.IsSet && p.Flags == nil && p.NestedParam == nil &&
		p.Slice == nil && p.Repl == nil && p.Names == 0 && len(p.Modifiers) == 0
}

// expand is an expansion's value, not split.
func (e *eval) expand(part syntax.WordPart) []piece {
	switch x := part.(type) {
	case *syntax.ParamExp:
		return e.param(x)
	case *syntax.ArithmExp:
		if n, ok := e.arithm(x.X, 0); ok {
			return []piece{{text: n, at: offset(e.file, x.Pos())}}
		}
		return e.hole(x, "it is computed from what is not known")
	case *syntax.CmdSubst:
		return e.hole(x, "a command substitution is not run")
	case *syntax.ProcSubst:
		return e.hole(x, "a process substitution is not run")
	}
	return e.hole(part, "not followed")
}

func (e *eval) hole(n syntax.Node, why string) []piece {
	return []piece{{hole: &Hole{Text: e.line(n), Why: why, Span: e.span(n)}}}
}

func (e *eval) param(p *syntax.ParamExp) []piece {
	if p.Param == nil || !plain(p) {
		return e.hole(p, "this form of expansion is not followed")
	}
	name := p.Param.Value
	if !syntax.ValidName(name) {
		return e.hole(p, "an argument of the script")
	}
	v, set := e.vars[name]
	if p.Index != nil {
		return e.hole(p, "items of arrays are not followed")
	}
	if p.Exp == nil {
		if !set {
			return e.hole(p, "the script does not set this variable")
		}
		return v.first()
	}
	word := func() []piece {
		if p.Exp.Word == nil {
			return nil
		}
		return e.join(p.Exp.Word)
	}
	empty := set && size(v.first()) == 0
	switch p.Exp.Op {
	case syntax.DefaultUnset, syntax.DefaultUnsetOrNull, syntax.AssignUnset, syntax.AssignUnsetOrNull:
		orNull := p.Exp.Op == syntax.DefaultUnsetOrNull || p.Exp.Op == syntax.AssignUnsetOrNull
		if set && !(empty && orNull) {
			return v.first()
		}
		ps := word()
		if p.Exp.Op == syntax.AssignUnset || p.Exp.Op == syntax.AssignUnsetOrNull {
			e.vars[name] = scalar(ps)
		}
		return ps
	case syntax.ErrorUnset, syntax.ErrorUnsetOrNull:
		if set {
			return v.first()
		}
		return e.hole(p, "the script wants this variable from outside")
	}
	return e.hole(p, "this form of expansion is not followed")
}

// Known says whether the whole text is known.
func (f Field) Known() bool { return f.Hole == nil }

// Base is the last part of the text as a path.
func (f Field) Base() string { return f.Text[strings.LastIndexByte(f.Text, '/')+1:] }
