package jinja

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Kinds of errors, by the names that Python's classes have.
const (
	SyntaxError    = "TemplateSyntaxError"
	TemplateError  = "TemplateError" // what raise_exception makes
	UndefinedError = "UndefinedError"
	SecurityError  = "SecurityError"
	TypeError      = "TypeError"
	ValueError     = "ValueError"
	OverflowError  = "OverflowError"
	IndexError     = "IndexError"
	KeyError       = "KeyError"
	DivisionError  = "ZeroDivisionError"
	// LimitError is an error of a template that takes more than its Limits; jinja2 has none.
	LimitError = "LimitError"
	// Unsupported is what jinja2 has and this package leaves out.
	Unsupported = "Unsupported"
)

// Error is a mistake in a template, or what one came to when it was rendered.
type Error struct {
	Kind    string
	Message string // what is wrong, without the place; raise_exception's own words

	Name      string // of the template
	Line, Col int    // from 1, Col in characters; 0 while the place is not known
	Excerpt   string // the line, cut where it is long, and below it a caret
}

// Error gives place and message in one line, and for syntax errors the excerpt below it.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "%s:%d:%d: ", e.Name, e.Line, e.Col)
	}
	switch e.Kind {
	case TypeError, ValueError, OverflowError, IndexError, KeyError:
		b.WriteString(e.Kind + ": ")
	}
	b.WriteString(e.Message)
	if e.Kind == SyntaxError && e.Excerpt != "" {
		b.WriteString("\n" + e.Excerpt)
	}
	return b.String()
}

func errorf(kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

func typeErrorf(format string, args ...any) *Error { return errorf(TypeError, format, args...) }

// source is a template's text, whose lines end with "\n" alone.
type source struct {
	name, text string
}

// place gives e the line and column of a byte, unless it has one.
func (s source) place(e *Error, at int) *Error {
	if e.Line > 0 {
		return e
	}
	at = min(at, len(s.text))
	start := strings.LastIndexByte(s.text[:at], '\n') + 1
	end := len(s.text)
	if n := strings.IndexByte(s.text[at:], '\n'); n >= 0 {
		end = at + n
	}
	e.Name = s.name
	e.Line = strings.Count(s.text[:start], "\n") + 1
	e.Col = utf8.RuneCountInString(s.text[start:at]) + 1
	e.Excerpt = excerpt(s.text[start:end], at-start)
	return e
}

// excerpt shows at most a hundred characters of a line around a byte, and a caret under it.
func excerpt(line string, at int) string {
	const before, after = 60, 40
	from := at
	for n := 0; from > 0 && n < before; n++ {
		_, size := utf8.DecodeLastRuneInString(line[:from])
		from -= size
	}
	to := at
	for n := 0; to < len(line) && n < after; n++ {
		_, size := utf8.DecodeRuneInString(line[to:])
		to += size
	}
	left, right := "", ""
	if from > 0 {
		left = "..."
	}
	if to < len(line) {
		right = "..."
	}
	pad := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, line[from:at])
	return "  " + left + line[from:to] + right + "\n  " + strings.Repeat(" ", len(left)) + pad + "^"
}
