package expr

import (
	"slices"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"github.com/belay-ml/belay/engine/formula"
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
	if len(source) > formula.MaxSource {
		p.Problems = []Problem{{From: 0, To: 1, Summary: "the expression is longer than 4096 bytes"}}
		return p
	}
	tree, err := parser.Parse(source)
	if err != nil {
		p.Problems = []Problem{formula.ProblemOf(source, err)}
		return p
	}
	p.root = tree.Node
	if formula.Nesting(p.root) > formula.MaxPredicates {
		p.Problems = []Problem{{From: 0, To: utf8.RuneCountInString(source), Summary: "predicates are nested more than 3 deep"}}
		return p
	}
	locals := localNames(p.root)
	inner := map[ast.Node]bool{} // nodes that are the front of a longer chain, or the name of a function
	formula.Walk(p.root, func(n ast.Node) {
		if c, ok := n.(*ast.CallNode); ok {
			if id, ok := c.Callee.(*ast.IdentifierNode); ok {
				inner[id] = true
			}
		}
	})
	for name := range locals {
		p.roots = append(p.roots, name)
	}
	formula.Walk(p.root, func(n ast.Node) {
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
	formula.Walk(root, func(n ast.Node) {
		if v, ok := n.(*ast.VariableDeclaratorNode); ok {
			names[v.Name] = true
		}
	})
	return names
}
