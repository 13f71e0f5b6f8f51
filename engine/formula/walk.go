package formula

import "github.com/expr-lang/expr/ast"

// Nesting is how deep predicates stand inside each other.
func Nesting(root ast.Node) int {
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

// Walk visits parents before children.
func Walk(n ast.Node, visit func(ast.Node)) {
	visit(n)
	for _, c := range children(n) {
		Walk(c, visit)
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
