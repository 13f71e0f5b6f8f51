package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/dsl/pos"
)

// Ref is one place where a stage names another.
type Ref struct {
	To   int // index in Recipe.Stages
	At   pos.Span
	Data bool // in an expression of `with`, not in `when`, `needs` or `matrix`
	When bool // in `when`, which may read the numbers of a stage
	// Keyed says that more than the ports may be read: an instance by its cell, as in sft['seed=1'].
	Keyed bool
}

// Exprs parses each expression of a recipe once.
type Exprs map[string]*expr.Parsed

// Parse is expr.Parse, remembered.
func (e Exprs) Parse(source string) *expr.Parsed {
	p := e[source]
	if p == nil {
		p = expr.Parse(source)
		e[source] = p
	}
	return p
}

// Refs lists, for each stage, the stages it names in expressions, `needs` and `matrix`. Unknown names are left to
// whoever evaluates them.
func Refs(r *ast.Recipe, exprs Exprs) [][]Ref {
	index := make(map[string]int, len(r.Stages))
	for i, s := range r.Stages {
		index[s.Name] = i
	}
	out := make([][]Ref, len(r.Stages))
	for i, s := range r.Stages {
		add := func(name string, ref Ref) {
			if to, ok := index[name]; ok {
				ref.To = to
				out[i] = append(out[i], ref)
			}
		}
		Uses(s.With, exprs, func(u expr.Use, at pos.Span) {
			add(u.Chain[0], Ref{At: at, Data: true, Keyed: Keyed(u)})
		})
		Condition(s.When, exprs, func(u expr.Use, at pos.Span) {
			add(u.Chain[0], Ref{At: at, When: true, Keyed: Keyed(u)})
		})
		if name, ok := MatrixOf(s.Matrix, exprs); ok {
			add(name, Ref{At: s.Matrix.Span})
		}
		for _, n := range Names(s.Needs) {
			add(n.Text, Ref{At: n.Span})
		}
	}
	return out
}

// Keyed says whether a use of a stage may be of one instance by its cell.
func Keyed(u expr.Use) bool { return len(u.Chain) < 2 || strings.Contains(u.Chain[1], "=") }

// Uses visits the names that the expressions of a node use, and where.
func Uses(n *ast.Node, exprs Exprs, visit func(u expr.Use, at pos.Span)) {
	eachText(n, func(n *ast.Node) {
		if !expr.Holds(n.Text) {
			return
		}
		parts, _, _ := expr.Split(n.Text)
		for _, p := range parts {
			if !p.IsExpr {
				continue
			}
			for _, u := range exprs.Parse(p.Source).Uses {
				visit(u, n.Within(p.Nth, expr.Lead+u.From, expr.Lead+u.To))
			}
		}
	})
}

// Condition visits the names that a `when` uses, and where. Its text is an expression, with or without ${ }.
func Condition(n *ast.Node, exprs Exprs, visit func(u expr.Use, at pos.Span)) {
	switch {
	case n == nil || n.Kind != ast.Text:
	case expr.Holds(n.Text):
		Uses(n, exprs, visit)
	default:
		for _, u := range exprs.Parse(n.Text).Uses {
			visit(u, n.Within(-1, u.From, u.To))
		}
	}
}

// MatrixOf is the stage whose cells `matrix: "${other.matrix}"` takes over.
func MatrixOf(n *ast.Node, exprs Exprs) (stage string, ok bool) {
	if n == nil || n.Kind != ast.Text {
		return "", false
	}
	parts, _, _ := expr.Split(n.Text)
	if whole, isExpr := expr.Whole(parts); isExpr {
		if c := exprs.Parse(whole.Source).Chain(); len(c) == 2 && c[1] == "matrix" {
			return c[0], true
		}
	}
	return "", false
}

// Names are the text nodes of one name or a list of them.
func Names(n *ast.Node) []*ast.Node {
	switch {
	case n == nil:
		return nil
	case n.Kind == ast.List:
		return slices.DeleteFunc(slices.Clone(n.Items), func(i *ast.Node) bool { return i.Kind != ast.Text })
	case n.Kind == ast.Text:
		return []*ast.Node{n}
	}
	return nil
}

func eachText(n *ast.Node, visit func(*ast.Node)) {
	switch n.Kind {
	case ast.Text:
		visit(n)
	case ast.List:
		for _, item := range n.Items {
			eachText(item, visit)
		}
	case ast.Map:
		for _, p := range n.Pairs {
			eachText(p.Value, visit)
		}
	}
}

// Order puts stages behind those they read, keeping the recipe's order where it can. Stages of a cycle are
// reported once a cycle and come in the recipe's order.
func Order(r *ast.Recipe, refs [][]Ref) (order []int, l diag.List) {
	const (
		unseen = iota
		open
		done
	)
	state := make([]int, len(r.Stages))
	var path []int // open stages, outermost first
	var steps []Ref
	var visit func(i int)
	visit = func(i int) {
		state[i] = open
		path = append(path, i)
		for _, ref := range refs[i] {
			switch state[ref.To] {
			case unseen:
				steps = append(steps, ref)
				visit(ref.To)
				steps = steps[:len(steps)-1]
			case open:
				from := slices.Index(path, ref.To)
				l.Add(cycle(r, path[from:], append(slices.Clone(steps[from:]), ref)))
			}
		}
		path = path[:len(path)-1]
		state[i] = done
		order = append(order, i)
	}
	for i := range r.Stages {
		if state[i] == unseen {
			visit(i)
		}
	}
	return order, l
}

// cycle words one: steps[k] is where stages[k] names the next.
func cycle(r *ast.Recipe, stages []int, steps []Ref) diag.Diagnostic {
	var names []string
	for _, i := range stages {
		names = append(names, r.Stages[i].Name)
	}
	names = append(names, names[0])
	d := diag.Diagnostic{Summary: "stages form a cycle: " + strings.Join(names, " -> "), Subject: steps[0].At}
	if len(stages) == 1 {
		d.Summary = fmt.Sprintf("stage %s reads itself", names[0])
	}
	for k, s := range steps[1:] {
		d.Notes = append(d.Notes, diag.Note{Text: fmt.Sprintf("%s reads %s here", names[k+1], names[k+2]), Span: s.At})
	}
	return d
}
