package check

import (
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine/param"
)

// Place turns a problem with values into a diagnostic at the node that the values came from. whole is where a
// problem goes that no written node stands for, such as a missing parameter.
func Place(p param.Problem, with *ast.Node, whole pos.Span, what string) diag.Diagnostic {
	d := diag.Diagnostic{Summary: p.Summary, Hint: p.Hint, Subject: whole}
	unknown := strings.HasPrefix(p.Summary, "unknown parameter")
	at, last, rest := with.Follow(p.Path)
	switch {
	case unknown && last != nil && len(rest) == 0:
		d.Subject = last.Key.Span
		d.Summary += " of " + what
	case strings.HasPrefix(p.Summary, "missing parameter"):
		d.Summary = strings.Replace(d.Summary, ",", " of "+what+",", 1)
		if last != nil {
			d.Subject = last.Key.Span
		}
	case len(rest) == len(p.Path):
		d.Summary = strings.Join(p.Path, ".") + ": " + d.Summary
	default:
		d.Subject = at.Span
		if p.To > 0 && at.Kind == ast.Text {
			d.Subject = at.Within(-1, p.From, p.To)
		}
		d.Summary = strings.Join(p.Path, ".") + ": " + d.Summary
	}
	return d
}
