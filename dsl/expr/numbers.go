package expr

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	lang "github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/types"
)

// Numbers is the type of what a stage wrote about its result: a map of numbers. names are those that it is known to
// hold; nil when they are known only when the stage has ended.
func Numbers(what string, names []string) *Var {
	v := &Var{What: what, typ: types.Map{types.Extra: types.Float64}}
	if names != nil {
		v.Fields = make(map[string]*Var, len(names))
		for _, n := range names {
			v.Fields[n] = &Var{typ: types.Float64}
		}
	}
	return v
}

// ListOfNumbers is the type of a list of such maps.
func ListOfNumbers() *Var { return &Var{typ: types.Array(types.Map{types.Extra: types.Float64})} }

// later stands for numbers that are not there yet: whatever looks into it ends the expression with an error.
type later func()

// Later is the value of Numbers before their stage has ended. An expression that has a value all the same does not
// depend on them.
func Later() any { return later(func() {}) }

// numberName is no name that an expression can call.
const numberName = "number of a stage"

// numbers finds the places of an expression that take a number out of a map of them, and notes which were taken. A
// number that is not there is an error, not nothing: nothing is unequal to everything.
type numbers struct{ taken []string }

func (s *numbers) options() []lang.Option {
	take := func(args ...any) (any, error) {
		name, isText := args[1].(string)
		m, isMap := args[0].(map[string]any)
		if !isText || !isMap {
			return nil, fmt.Errorf("there are no numbers here yet")
		}
		v, ok := m[name]
		if !ok {
			return nil, fmt.Errorf("there is no metric %s", name)
		}
		if !slices.Contains(s.taken, name) {
			s.taken = append(s.taken, name)
		}
		return v, nil
	}
	return []lang.Option{lang.Function(numberName, take, new(func(any, string) float64)), lang.Patch(s)}
}

// Visit makes a call of a lookup. With ?. a number may be absent, and is nothing then.
func (s *numbers) Visit(node *ast.Node) {
	m, ok := (*node).(*ast.MemberNode)
	if !ok || m.Optional {
		return
	}
	if of := m.Node.Nature(); of == nil || of.TypeData == nil || of.DefaultMapValue == nil {
		return
	}
	call := &ast.CallNode{Callee: &ast.IdentifierNode{Value: numberName}, Arguments: []ast.Node{m.Node, m.Property}}
	ast.Patch(node, call)
}

// Taken are the names of the numbers that the last run read, in the order of their first reading.
func (p *Program) Taken() []string {
	if p.numbers == nil {
		return nil
	}
	return p.numbers.taken
}

// TakesNumbers says whether a scope has maps of numbers among the names that an expression uses.
func (s *Scope) takesNumbers(names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return s.Lookup(n).holdsNumbers() })
}

func (v *Var) holdsNumbers() bool {
	switch {
	case v == nil:
		return false
	case v.typ != nil:
		return strings.Contains(v.typ.String(), types.Extra)
	}
	for _, f := range v.Fields {
		if f.holdsNumbers() {
			return true
		}
	}
	return false
}

// Extent is how far a use reaches in its source, in characters: behind the last of its fields. ok is false when they
// are not written one behind the other.
func (p *Parsed) Extent(u Use) (to int, ok bool) {
	text := []rune(p.Source)
	space := func() {
		for to < len(text) && unicode.IsSpace(text[to]) {
			to++
		}
	}
	to = u.To
	for _, name := range u.Chain[1:] {
		end := to
		space()
		switch rest := string(text[to:]); {
		case strings.HasPrefix(rest, "?."), strings.HasPrefix(rest, "."):
			to += strings.Index(rest, ".") + 1
			space()
			if !strings.HasPrefix(string(text[to:]), name) {
				return end, false
			}
			to += len([]rune(name))
		case strings.HasPrefix(rest, "["):
			to++
			space()
			quoted := string(text[to:])
			if len(quoted) < len(name)+2 || quoted[1:len(name)+1] != name || quoted[0] != quoted[len(name)+1] {
				return end, false
			}
			to += len([]rune(name)) + 2
			space()
			if to >= len(text) || text[to] != ']' {
				return end, false
			}
			to++
		default:
			return end, false
		}
	}
	return to, true
}
