package rowexpr

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	lang "github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"github.com/belay-ml/belay/engine/formula"
	"github.com/belay-ml/belay/engine/param"
	"github.com/belay-ml/belay/models/chat/ordjson"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

// rowName is the whole record in an expression.
const rowName = "row"

// Error is a mistake in an expression.
type Error struct {
	What    string // "filter", "map.text"
	Source  string
	Problem formula.Problem
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s, column %d: %s\n%s", e.What, e.Problem.From+1, e.Problem.Summary, caret(e.Source, e.Problem))
}

// caret shows a place in an expression.
func caret(source string, p formula.Problem) string {
	before := []rune(source)[:min(p.From, len([]rune(source)))]
	line := strings.ReplaceAll(source, "\n", " ")
	return "    " + line + "\n    " + strings.Repeat(" ", len(before)) + strings.Repeat("^", max(1, min(p.To-p.From, len([]rune(source))-len(before))))
}

// expression is a text whose names are known.
type expression struct {
	what, source string
	root         ast.Node
	names        []string // identifiers that are columns
	columns      []string // those, and constant keys of row
	whole        bool     // row is used in other ways
	bare         string   // the whole expression is this column
}

func parse(what, source string) (*expression, error) {
	e := &expression{what: what, source: source}
	if len(source) > formula.MaxSource {
		return nil, e.wrong(formula.Problem{To: 1, Summary: fmt.Sprintf("the expression is longer than %d bytes", formula.MaxSource)})
	}
	tree, err := parser.Parse(source)
	if err != nil {
		return nil, e.wrong(formula.ProblemOf(source, err))
	}
	e.root = tree.Node
	if formula.Nesting(e.root) > formula.MaxPredicates {
		return nil, e.wrong(formula.Problem{To: len([]rune(source)), Summary: fmt.Sprintf("predicates are nested more than %d deep", formula.MaxPredicates)})
	}
	return e, e.find()
}

// find collects names and refuses functions that there are not.
func (e *expression) find() error {
	locals := map[string]bool{}
	callees, keyed := map[ast.Node]bool{}, map[ast.Node]bool{}
	var wrong error
	complain := func(n ast.Node, hint, format string, args ...any) {
		if wrong == nil {
			at := n.Location()
			wrong = e.wrong(formula.Problem{From: at.From, To: max(at.To, at.From+1), Summary: fmt.Sprintf(format, args...), Hint: hint})
		}
	}
	formula.Walk(e.root, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.VariableDeclaratorNode:
			locals[n.Name] = true
		case *ast.CallNode:
			id, ok := n.Callee.(*ast.IdentifierNode)
			switch {
			case !ok:
				complain(n, "", "only functions can be called")
			case !slices.Contains(formula.Custom(), id.Value):
				complain(id, near(id.Value), "unknown function %s", id.Value)
			default:
				callees[id] = true
			}
		case *ast.BuiltinNode:
			if !slices.Contains(formula.Functions(), n.Name) {
				complain(n, near(n.Name), "function %s is not part of the language", n.Name)
			}
		case *ast.MemberNode:
			id, isName := n.Node.(*ast.IdentifierNode)
			key, isKey := n.Property.(*ast.StringNode)
			if isName && isKey && id.Value == rowName {
				keyed[id] = true
				e.columns = append(e.columns, key.Value)
			}
		}
	})
	formula.Walk(e.root, func(n ast.Node) {
		id, ok := n.(*ast.IdentifierNode)
		switch {
		case !ok || callees[id] || locals[id.Value]:
		case strings.HasPrefix(id.Value, "$"):
			complain(id, "", "unknown name %s", id.Value)
		case id.Value == rowName:
			e.whole = e.whole || !keyed[id]
		default:
			e.names, e.columns = append(e.names, id.Value), append(e.columns, id.Value)
		}
	})
	if id, ok := e.root.(*ast.IdentifierNode); ok && len(e.names) == 1 {
		e.bare = id.Value
	}
	for _, list := range []*[]string{&e.names, &e.columns} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return wrong
}

func near(name string) string {
	if n := param.Near(name, formula.Functions()); n != "" {
		return "did you mean " + n + "?"
	}
	return ""
}

func (e *expression) wrong(p formula.Problem) error { return &Error{e.what, e.source, p} }

// program is an expression that one goroutine at a time may run.
type program struct {
	*expression
	code  *vm.Program
	vm    vm.VM
	steps formula.Steps
	env   map[string]any
}

func (e *expression) compile(condition bool) (*program, error) {
	p := &program{expression: e, env: map[string]any{}}
	env := types.Map{rowName: types.Map{types.Extra: types.Any}}
	for _, n := range e.names {
		env[n] = types.Any
	}
	opts := append(formula.Options(), lang.Env(env), lang.MaxNodes(formula.MaxNodes), lang.Optimize(false))
	if formula.Nesting(e.root) > 0 {
		opts = append(opts, p.steps.Options()...)
	}
	var err error
	if p.code, err = lang.Compile(e.source, opts...); err != nil {
		return nil, e.wrong(formula.ProblemOf(e.source, err))
	}
	if t := p.code.Node().Type(); condition && t != nil && t.Kind() != reflect.Bool && t.Kind() != reflect.Interface {
		return nil, e.wrong(formula.Problem{To: len([]rune(e.source)), Summary: "want true or false, have " + formula.PlainWords(t.String())})
	}
	return p, nil
}

// run gives the value as package ordjson has it, or as the machine has it for a condition.
func (p *program) run(rec record.Record) (any, error) {
	if p.bare != "" {
		v, _ := rec.Fields.Get(p.bare)
		return v, nil
	}
	clear(p.env)
	for _, n := range p.names {
		v, _ := rec.Fields.Get(n)
		p.env[n] = native(v)
	}
	if p.whole || len(p.columns) > len(p.names) {
		row := map[string]any{}
		for i, k := range rec.Fields.Keys {
			if p.whole || slices.Contains(p.columns, k) {
				row[k] = native(rec.Fields.Values[i])
			}
		}
		p.env[rowName] = row
	}
	p.steps.Reset()
	v, err := p.vm.Run(p.code, p.env)
	if err != nil {
		problem := formula.ProblemOf(p.source, err)
		return nil, rec.Place.Errorf(record.WrongType, "%w", p.wrong(problem))
	}
	return plain(formula.Plain(v)), nil
}

// fails is a mistake of a record that the whole expression is about.
func (p *program) fails(rec record.Record, format string, args ...any) error {
	return rec.Place.Errorf(record.WrongType, "%w", p.wrong(formula.Problem{To: len([]rune(p.source)), Summary: fmt.Sprintf(format, args...)}))
}

// words names a value for messages.
func words(v any) string { return ordjson.TypeName(plain(formula.Plain(v))) }
