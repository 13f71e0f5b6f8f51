package compile

import (
	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/expr"
)

// View is a recipe as far as it could be understood, for editors: a recipe with mistakes has one too.
type View struct {
	Recipe *ast.Recipe // nil when its file cannot be read
	b      *builder
}

// Look compiles the recipe at path as File does, and keeps what it learned.
func Look(path string, opt Options) (*View, diag.List) {
	b := newBuilder(opt)
	l := b.file(path)
	return &View{Recipe: b.recipe, b: b}, l
}

// Value is what an expression is, seen from a stage.
type Value struct {
	Type string // "int", "a list", "an artifact"
	// Known says that Cells holds the values: one for a stage without a matrix, else one a cell.
	Known bool
	Cells []CellValue
}

// CellValue is a value in one cell of a matrix; Cell is "" without one.
type CellValue struct {
	Cell  string
	Value any // as expr.Program gives it
}

// Eval types an expression in the scope of a stage's `with`, or of its `when`, and gives its value where that is known
// without running anything. Only stages that the stage reads there are in scope.
func (v *View) Eval(name, source string, when bool) (Value, bool) {
	s := v.b.byName[name]
	if s == nil || s.scope == nil {
		return Value{}, false
	}
	scope, reads := s.scope, s.reads
	if when {
		scope, reads = v.b.conditionScope(s), s.gates
	}
	prog, problems := expr.Compile(expr.Parse(source), scope.Scope, "")
	if len(problems) > 0 {
		return Value{}, false
	}
	out := Value{Type: prog.Type(), Known: true}
	for _, c := range s.cells {
		x, p := prog.Run(v.b.valuesOf(s, reads, c))
		if _, hasRef := findRef(x); p != nil || x == nil || when && hasRef {
			return Value{Type: out.Type}, true
		}
		cell := CellValue{Value: x}
		if s.matrixed {
			cell.Cell = c.key()
		}
		out.Cells = append(out.Cells, cell)
	}
	return out, true
}
