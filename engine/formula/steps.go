package formula

import (
	"errors"

	lang "github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
)

// MaxSteps bounds how often the predicates of one expression run: a filter inside a map over a long list could take
// for ever.
const MaxSteps = 2_000_000

// stepName is no name that an expression can call.
const stepName = "step of a predicate"

var errSteps = errors.New("the predicates of the expression run more than 2000000 times")

// Steps counts the runs of the predicates of one program.
type Steps struct{ left int }

// Reset begins a run.
func (s *Steps) Reset() { s.left = MaxSteps }

// Ran is how often predicates ran since Reset.
func (s *Steps) Ran() int { return MaxSteps - s.left }

// Options make predicates count.
func (s *Steps) Options() []lang.Option {
	step := func(...any) (any, error) {
		if s.left--; s.left < 0 {
			return nil, errSteps
		}
		return true, nil
	}
	return []lang.Option{lang.Function(stepName, step, new(func() bool)), lang.Patch(s)}
}

// Visit makes "body" of a predicate "step(); body".
func (*Steps) Visit(node *ast.Node) {
	p, ok := (*node).(*ast.PredicateNode)
	if !ok {
		return
	}
	if s, ok := p.Node.(*ast.SequenceNode); ok && len(s.Nodes) > 0 {
		if c, ok := s.Nodes[0].(*ast.CallNode); ok {
			if id, ok := c.Callee.(*ast.IdentifierNode); ok && id.Value == stepName {
				return // visited before
			}
		}
	}
	call := &ast.CallNode{Callee: &ast.IdentifierNode{Value: stepName}}
	body := &ast.SequenceNode{Nodes: []ast.Node{call, p.Node}}
	body.SetLocation(p.Node.Location())
	body.SetType(p.Node.Type())
	p.Node = body
}
