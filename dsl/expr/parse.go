package expr

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
)

// Bounds on one expression.
const (
	maxSource     = 4096 // bytes
	maxNodes      = 1000
	maxPredicates = 3 // filter inside map inside sum: work grows with the power
)

// Use is one name that an expression uses, with the constant fields that follow it.
type Use struct {
	Chain    []string // {"params", "lr"}
	From, To int      // of the first name, in characters
}

// Parsed is an expression whose names are known but not yet looked up.
type Parsed struct {
	Source   string
	Uses     []Use
	Problems []Problem // of syntax; nothing else is known then

	root  ast.Node
	roots []string // every name in it, sorted, once each
	chain []string // the whole expression is this chain
}

// Chain is the path when the expression is nothing but a name and constant fields: params.lr.
func (p *Parsed) Chain() []string { return p.chain }

// Parse reads the source of an expression.
func Parse(source string) *Parsed {
	p := &Parsed{Source: source}
	if len(source) > maxSource {
		p.Problems = []Problem{{From: 0, To: 1, Summary: "the expression is longer than 4096 bytes"}}
		return p
	}
	tree, err := parser.Parse(source)
	if err != nil {
		p.Problems = []Problem{problem(source, err)}
		return p
	}
	p.root = tree.Node
	if nesting(p.root) > maxPredicates {
		p.Problems = []Problem{{From: 0, To: utf8.RuneCountInString(source), Summary: "predicates are nested more than 3 deep"}}
		return p
	}
	locals := localNames(p.root)
	inner := map[ast.Node]bool{} // nodes that are the front of a longer chain, or the name of a function
	walk(p.root, func(n ast.Node) {
		if c, ok := n.(*ast.CallNode); ok {
			if id, ok := c.Callee.(*ast.IdentifierNode); ok {
				inner[id] = true
			}
		}
	})
	for name := range locals {
		p.roots = append(p.roots, name)
	}
	walk(p.root, func(n ast.Node) {
		if id, ok := n.(*ast.IdentifierNode); ok {
			p.roots = append(p.roots, id.Value)
		}
		chain, id := chainOf(n)
		if id == nil || inner[n] {
			return
		}
		for m := n; ; {
			member, ok := m.(*ast.MemberNode)
			if !ok {
				break
			}
			m = unwrap(member.Node)
			inner[m] = true
		}
		if !locals[id.Value] {
			p.Uses = append(p.Uses, Use{Chain: chain, From: id.Location().From, To: id.Location().To})
		}
	})
	slices.Sort(p.roots)
	p.roots = slices.Compact(p.roots)
	if chain, id := chainOf(unwrap(p.root)); id != nil && !locals[id.Value] {
		p.chain = chain
	}
	return p
}

// unwrap drops the node that ?. puts around a chain.
func unwrap(n ast.Node) ast.Node {
	if c, ok := n.(*ast.ChainNode); ok {
		return c.Node
	}
	return n
}

// chainOf is the path of a name with constant fields; id is nil for anything else.
func chainOf(n ast.Node) ([]string, *ast.IdentifierNode) {
	switch x := n.(type) {
	case *ast.IdentifierNode:
		return []string{x.Value}, x
	case *ast.MemberNode:
		prop, ok := x.Property.(*ast.StringNode)
		if !ok {
			return nil, nil
		}
		chain, id := chainOf(unwrap(x.Node))
		if id == nil {
			return nil, nil
		}
		return append(chain, prop.Value), id
	}
	return nil, nil
}

// localNames are those that `let` defines.
func localNames(root ast.Node) map[string]bool {
	names := map[string]bool{}
	walk(root, func(n ast.Node) {
		if v, ok := n.(*ast.VariableDeclaratorNode); ok {
			names[v.Name] = true
		}
	})
	return names
}

func nesting(root ast.Node) int {
	most := 0
	var down func(n ast.Node, depth int)
	down = func(n ast.Node, depth int) {
		if _, ok := n.(*ast.PredicateNode); ok {
			depth++
		}
		most = max(most, depth)
		for _, c := range children(n) {
			down(c, depth)
		}
	}
	down(root, 0)
	return most
}

// walk visits parents before children.
func walk(n ast.Node, visit func(ast.Node)) {
	visit(n)
	for _, c := range children(n) {
		walk(c, visit)
	}
}

func children(n ast.Node) []ast.Node {
	var out []ast.Node
	add := func(nodes ...ast.Node) {
		for _, c := range nodes {
			if c != nil {
				out = append(out, c)
			}
		}
	}
	switch x := n.(type) {
	case *ast.UnaryNode:
		add(x.Node)
	case *ast.BinaryNode:
		add(x.Left, x.Right)
	case *ast.ChainNode:
		add(x.Node)
	case *ast.MemberNode:
		add(x.Node, x.Property)
	case *ast.SliceNode:
		add(x.Node, x.From, x.To)
	case *ast.CallNode:
		add(x.Callee)
		add(x.Arguments...)
	case *ast.BuiltinNode:
		add(x.Arguments...)
	case *ast.PredicateNode:
		add(x.Node)
	case *ast.ConditionalNode:
		add(x.Cond, x.Exp1, x.Exp2)
	case *ast.VariableDeclaratorNode:
		add(x.Value, x.Expr)
	case *ast.SequenceNode:
		add(x.Nodes...)
	case *ast.ArrayNode:
		add(x.Nodes...)
	case *ast.MapNode:
		add(x.Pairs...)
	case *ast.PairNode:
		add(x.Key, x.Value)
	}
	return out
}

// problem gives an error of expr-lang its place and words.
func problem(source string, err error) Problem {
	all := utf8.RuneCountInString(source)
	var fe *file.Error
	if !errors.As(err, &fe) {
		return Problem{To: all, Summary: plainWords(err.Error())}
	}
	p := Problem{From: min(fe.From, all), To: min(fe.To, all), Summary: plainWords(fe.Message)}
	if p.To <= p.From {
		p.To = p.From + 1
	}
	if strings.HasPrefix(p.Summary, "unexpected token Operator(\"=\")") {
		p.Hint = "compare with =="
	}
	return p
}

// plainWords puts Go's type names into the language's.
func plainWords(msg string) string {
	msg = strings.TrimPrefix(msg, "reflect: ")
	return strings.NewReplacer(
		"map[string]interface {}", "a map", "[]interface {}", "a list", "interface {}", "any value",
		"float64", "float", "expr.Ref", "an artifact", "unexpected token EOF", "the expression ends too early",
	).Replace(msg)
}
