package expr

import (
	"strings"
	"unicode/utf8"

	"github.com/belay-ml/belay/engine/formula"
)

// Part is a piece of a text: literal, or the source of an expression.
type Part struct {
	Text   string // literal, escapes resolved
	Source string // between ${ and }
	IsExpr bool
	Nth    int // which "${" of the text begins it, from 0
}

// Problem is one thing wrong with an expression, at characters [From, To) of its source.
type Problem = formula.Problem

// Functions are the names of all functions, sorted.
func Functions() []string { return formula.Functions() }

// Format is a value inside text: numbers in their shortest form. Lists, maps and artifacts have none.
func Format(v any) (string, bool) { return formula.Format(v) }

// maxParts bounds the expressions of one text: finding the place of each goes through the text.
const maxParts = 1000

// Lead is how many characters stand before an expression's source: "${".
const Lead = 2

// Holds says whether a text holds an expression or the escape of one.
func Holds(s string) bool { return strings.Contains(s, "${") }

// Split cuts a text at its expressions. "$${" is a literal "${". The problem's place counts from the "${" that
// nth names.
func Split(s string) (parts []Part, nth int, p *Problem) {
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			parts = append(parts, Part{Text: lit.String()})
			lit.Reset()
		}
	}
	count := 0
	for i := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], "$${"):
			lit.WriteString("${")
			i += 3
			nth++
		case strings.HasPrefix(s[i:], "${"):
			end := Closing(s, i+2)
			if end < 0 {
				return nil, nth, &Problem{From: 0, To: 2, Summary: "the expression is not closed", Hint: "end it with }, or write $${ for a plain ${"}
			}
			src := s[i+2 : end]
			if strings.TrimSpace(src) == "" {
				return nil, nth, &Problem{From: 0, To: utf8.RuneCountInString(src) + 3, Summary: "the expression is empty", Hint: "write $${ for a plain ${"}
			}
			if count++; count > maxParts {
				return nil, nth, &Problem{From: 0, To: 2, Summary: "the text holds more than 1000 expressions"}
			}
			flush()
			parts = append(parts, Part{Source: src, IsExpr: true, Nth: nth})
			nth += strings.Count(s[i:end+1], "${")
			i = end + 1
		default:
			next := strings.IndexByte(s[i+1:], '$') + 1
			if next == 0 {
				next = len(s) - i
			}
			lit.WriteString(s[i : i+next])
			i += next
		}
	}
	flush()
	return parts, 0, nil
}

// Whole is the expression that makes up all of the text, if one does.
func Whole(parts []Part) (Part, bool) {
	if len(parts) == 1 && parts[0].IsExpr {
		return parts[0], true
	}
	return Part{}, false
}

// Closing finds the } that ends an expression whose source begins at byte i, -1 when none does: braces of maps and
// predicates nest, text in quotes is skipped.
func Closing(s string, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch c := s[i]; c {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i
			}
			depth--
		case '"', '\'', '`':
			for i++; i < len(s) && s[i] != c; i++ {
				if s[i] == '\\' && c != '`' {
					i++
				}
			}
		}
	}
	return -1
}
