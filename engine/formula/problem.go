package formula

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/file"
)

// Problem is a mistake in an expression; From and To are places in characters.
type Problem struct {
	From, To int
	Summary  string
	Hint     string
}

// ProblemOf gives an error of expr-lang its place and words.
func ProblemOf(source string, err error) Problem {
	all := utf8.RuneCountInString(source)
	if errors.Is(err, errSteps) || strings.Contains(err.Error(), errSteps.Error()) {
		return Problem{To: all, Summary: errSteps.Error()}
	}
	var fe *file.Error
	if !errors.As(err, &fe) {
		return Problem{To: all, Summary: PlainWords(err.Error())}
	}
	p := Problem{From: min(fe.From, all), To: min(fe.To, all), Summary: PlainWords(fe.Message)}
	if p.To <= p.From {
		p.To = p.From + 1
	}
	if strings.HasPrefix(p.Summary, "unexpected token Operator(\"=\")") {
		p.Hint = "compare with =="
	}
	return p
}

// PlainWords puts Go's type names into the language's.
func PlainWords(msg string) string {
	msg = strings.TrimPrefix(msg, "reflect: ")
	return strings.NewReplacer(
		"map[string]interface {}", "a map", "[]interface {}", "a list", "interface {}", "any value",
		"float64", "float", "expr.Ref", "an artifact", "unexpected token EOF", "the expression ends too early",
	).Replace(msg)
}
