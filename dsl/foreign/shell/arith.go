package shell

import (
	"math/big"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// maxArithm bounds the nesting of an arithmetic expression.
const maxArithm = 50

// arithm computes $(( )) of whole numbers and known variables; ok is false for anything else.
func (e *eval) arithm(x syntax.ArithmExpr, depth int) (text string, ok bool) {
	n, ok := e.number(x, depth)
	if !ok {
		return "", false
	}
	return n.String(), true
}

func (e *eval) number(x syntax.ArithmExpr, depth int) (*big.Int, bool) {
	if depth > maxArithm || x == nil {
		return nil, false
	}
	switch x := x.(type) {
	case *syntax.ParenArithm:
		return e.number(x.X, depth+1)
	case *syntax.Word:
		ps := e.join(x)
		if name := x.Lit(); syntax.ValidName(name) {
			ps = e.vars[name].first()
		}
		f := e.field(ps, e.span(x))
		// 64 bits are what bash has: beyond them, and in other bases, a value stays unknown.
		n, ok := new(big.Int).SetString(strings.TrimSpace(f.Text), 10)
		return n, ok && f.Known() && n.IsInt64()
	case *syntax.UnaryArithm:
		n, ok := e.number(x.X, depth+1)
		switch {
		case !ok || x.Post:
			return nil, false
		case x.Op == syntax.Minus:
			return new(big.Int).Neg(n), true
		case x.Op == syntax.Plus:
			return n, true
		}
		return nil, false
	case *syntax.BinaryArithm:
		return e.operate(x, depth)
	}
	return nil, false
}

func (e *eval) operate(x *syntax.BinaryArithm, depth int) (*big.Int, bool) {
	a, ok := e.number(x.X, depth+1)
	if !ok {
		return nil, false
	}
	b, ok := e.number(x.Y, depth+1)
	if !ok {
		return nil, false
	}
	n := new(big.Int)
	switch x.Op {
	case syntax.Add:
		n.Add(a, b)
	case syntax.Sub:
		n.Sub(a, b)
	case syntax.Mul:
		n.Mul(a, b)
	case syntax.Quo, syntax.Rem:
		if b.Sign() == 0 {
			return nil, false
		}
		if x.Op == syntax.Quo {
			n.Quo(a, b)
		} else {
			n.Rem(a, b)
		}
	default:
		return nil, false
	}
	return n, n.IsInt64()
}
