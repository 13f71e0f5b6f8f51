package expr

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	lang "github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"github.com/belay-ml/belay/engine/formula"
	"github.com/belay-ml/belay/engine/param"
)

// Program is a checked expression.
type Program struct {
	source  string
	prog    *vm.Program
	steps   *formula.Steps // of predicates; nil when there are none
	numbers *numbers       // nil when it reads no numbers of stages
	chain   []string       // when the expression is a path through maps, which needs no machine
	typ     types.Type     // of the chain
}

// Compile checks names, then types. want is the type the expression must have: "" for any, or "bool".
func Compile(parsed *Parsed, scope *Scope, want string) (*Program, []Problem) {
	if len(parsed.Problems) > 0 {
		return nil, parsed.Problems
	}
	if problems := checkNames(parsed, scope); len(problems) > 0 {
		return nil, problems
	}
	if want == "" && parsed.chain != nil {
		if v, ok := scope.plain(parsed.chain); ok {
			return &Program{source: parsed.Source, chain: parsed.chain, typ: v.native()}, nil
		}
	}
	opts := append(formula.Options(), lang.Env(scope.native(parsed.roots)), lang.MaxNodes(formula.MaxNodes), lang.Optimize(false))
	if want == "bool" {
		opts = append(opts, lang.AsBool())
	}
	var count *formula.Steps
	if formula.Nesting(parsed.root) > 0 {
		count = new(formula.Steps)
		opts = append(opts, count.Options()...)
	}
	var nums *numbers
	if scope.takesNumbers(parsed.roots) {
		nums = new(numbers)
		opts = append(opts, nums.options()...)
	}
	prog, err := lang.Compile(parsed.Source, opts...)
	if err != nil {
		p := formula.ProblemOf(parsed.Source, err)
		if strings.HasPrefix(p.Summary, "expected bool, but got") {
			p.Summary = "want a condition, have " + strings.TrimPrefix(p.Summary, "expected bool, but got ")
			p.From, p.To = 0, utf8.RuneCountInString(parsed.Source)
		}
		return nil, []Problem{p}
	}
	return &Program{source: parsed.Source, prog: prog, steps: count, numbers: nums}, nil
}

// Steps is how often predicates ran in the last run.
func (p *Program) Steps() int {
	if p.steps == nil {
		return 0
	}
	return p.steps.Ran()
}

// checkNames finds unknown names, fields and functions, all of them.
func checkNames(parsed *Parsed, scope *Scope) []Problem {
	var problems []Problem
	locals := localNames(parsed.root)
	callees := map[*ast.IdentifierNode]bool{}
	add := func(n ast.Node, hint, format string, args ...any) {
		loc := n.Location()
		problems = append(problems, Problem{From: loc.From, To: max(loc.To, loc.From+1), Hint: hint, Summary: fmt.Sprintf(format, args...)})
	}
	formula.Walk(parsed.root, func(n ast.Node) {
		switch x := n.(type) {
		case *ast.CallNode:
			id, ok := x.Callee.(*ast.IdentifierNode)
			if !ok {
				add(x, "", "only functions can be called")
				return
			}
			callees[id] = true
			if !slices.Contains(formula.Custom(), id.Value) {
				add(id, nearOf(id.Value, formula.Functions()), "unknown function %s", id.Value)
			}
		case *ast.BuiltinNode:
			if !slices.Contains(formula.Builtins(), x.Name) && !slices.Contains(formula.Custom(), x.Name) {
				add(x, nearOf(x.Name, formula.Functions()), "function %s is not part of the language", x.Name)
			}
		case *ast.IdentifierNode:
			switch {
			case callees[x] || locals[x.Value]:
			case strings.HasPrefix(x.Value, "$"):
				add(x, "", "unknown name %s", x.Value)
			case scope.Lookup(x.Value) == nil:
				if why, ok := scope.absent(x.Value); ok {
					add(x, why, "%s is not available here", x.Value)
					return
				}
				hint := nearOf(x.Value, scope.names())
				if x.Value == strings.ToUpper(x.Value) && !strings.HasPrefix(hint, "did you") {
					hint = fmt.Sprintf("write $${%s} for a variable of the shell", x.Value)
				}
				add(x, hint, "unknown name %s", x.Value)
			}
		case *ast.MemberNode:
			chain, id := chainOf(x)
			if id == nil || locals[id.Value] {
				return
			}
			if v := scope.artifact(chain[:len(chain)-1]); v != "" {
				add(x.Property, "a number may stand in `when`; a parameter is part of the key, which is known before anything runs",
					"%s is %s: what is in it is not known yet", strings.Join(chain[:len(chain)-1], "."), v)
				return
			}
			if v, found := scope.find(chain); v != nil && found == len(chain)-1 {
				name := chain[found]
				add(x.Property, nearOf(name, v.fieldNames()), "%s", v.missing(name))
			}
		}
	})
	return problems
}

func nearOf(name string, known []string) string {
	if near := param.Near(name, known); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	if len(known) > 0 && len(known) <= 10 {
		return "known: " + strings.Join(known, ", ")
	}
	return ""
}

// Values are the values of a scope's names, made ready once for many runs.
type Values map[string]any

// Set gives a name its value.
func (v Values) Set(name string, value any) { v[name] = formula.Native(value) }

// Run evaluates the program. The result is nil, bool, int64, float64, string, Ref, []any or map[string]any.
func (p *Program) Run(values Values) (any, *Problem) {
	if p.chain != nil {
		var v any = map[string]any(values)
		for _, name := range p.chain {
			m, ok := v.(map[string]any)
			if !ok {
				return nil, &Problem{To: utf8.RuneCountInString(p.source), Summary: fmt.Sprintf("cannot fetch %s from nothing", name)}
			}
			v = m[name]
		}
		return formula.Plain(v), nil
	}
	if p.steps != nil {
		p.steps.Reset()
	}
	if p.numbers != nil {
		p.numbers.taken = nil
	}
	out, err := vm.Run(p.prog, map[string]any(values))
	if err != nil {
		pr := formula.ProblemOf(p.source, err)
		return nil, &pr
	}
	return formula.Plain(out), nil
}
