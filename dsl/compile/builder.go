package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/check"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/secret"
)

// Bounds on what a matrix may unfold to.
const (
	maxCells = 1000  // of one stage
	maxNodes = 10000 // of a recipe
)

// builder holds a recipe while it becomes a graph.
type builder struct {
	opt       Options
	diags     diag.List
	registry  map[string]*kind
	kindNames []string
	recipe    *ast.Recipe
	stages    []*stage
	byName    map[string]*stage
	exprs     check.Exprs
	graph     *engine.Graph
	exists    map[string]bool

	paramFrom map[string]*ast.Node // where each recipe parameter's value was written
	vars      map[string]*expr.Var // names that mean the same in every stage
	values    expr.Values
	absent    map[string]string
	unsetEnv  map[string]bool
	parallel  map[string]layoutField
	literal   bool // values are taken as they stand: no expressions

	absentSecrets diag.List // of the instance being made
}

// stage is a stage of the recipe on its way.
type stage struct {
	*ast.Stage
	index    int
	kind     *kind // nil when unknown
	ready    bool  // instances are complete
	broken   bool  // instances are not to be trusted
	axes     []string
	matrixed bool
	cells    []cell
	insts    []*instance
	reads    map[*stage]bool // the stages its expressions name; true: maybe single instances of them
	all      map[string]any  // what the name means to a reader that gets all instances; made once
	scope    *scoped         // of `with`
	plain    *scoped         // of `when` and settings: no stages
}

// instance is one cell of a stage.
type instance struct {
	node   int
	id     string
	cell   cell
	ports  []artifact.Port
	off    string
	failed bool
}

func (b *builder) build() {
	b.globals()
	refs := check.Refs(b.recipe, b.exprs)
	order, diags := check.Order(b.recipe, refs)
	b.diags.Add(diags...)
	for _, i := range order {
		s := b.stages[i]
		s.reads = map[*stage]bool{}
		for _, ref := range refs[i] {
			if t := b.stages[ref.To]; ref.Data {
				s.reads[t] = s.reads[t] || ref.Keyed
			}
		}
		b.stage(s)
	}
	b.outputs()
}

// stage makes the instances of one stage. Those it reads are ready, unless they form a cycle.
func (b *builder) stage(s *stage) {
	defer func() { s.ready = true }()
	if s.Broken {
		s.broken = true
		return
	}
	ok := b.matrix(s)
	if s.kind == nil || !ok {
		s.broken = true
	}
	s.scope = newScoped(b.stageScope(s))
	s.scope.secrets = true
	s.scope.Vars[expr.SecretName] = expr.Unknown() // a name to suggest
	s.plain = newScoped(b.plainScope("when and settings are known before any stage runs, so they cannot read one"))
	if v := s.scope.Vars["matrix"]; v != nil {
		s.plain.Vars["matrix"] = v
	} else {
		s.plain.Absent["matrix"] = s.scope.Absent["matrix"]
	}
	b.needs(s)
	for _, c := range s.cells {
		if len(b.graph.Nodes) >= maxNodes {
			b.diags.Errorf(s.NameAt, "", "the recipe unfolds to more than %d stage instances", maxNodes)
			s.broken = true
			return
		}
		b.instance(s, c)
	}
}

// needs checks the names of `needs`.
func (b *builder) needs(s *stage) {
	if s.Needs == nil {
		return
	}
	items := []*ast.Node{s.Needs}
	if s.Needs.Kind == ast.List {
		items = s.Needs.Items
	}
	for _, item := range items {
		switch {
		case item.Kind != ast.Text:
			b.diags.Errorf(item.Span, "", "needs wants a stage name or a list of them, have %s", item.Kind)
		case b.byName[item.Text] == nil:
			b.diags.Errorf(item.Span, check.Suggest(item.Text, b.stageNames()), "unknown stage %q", item.Text)
		}
	}
}

func (b *builder) stageNames() []string {
	names := make([]string, len(b.stages))
	for i, s := range b.stages {
		names[i] = s.Name
	}
	return names
}

// carried is the instance of t that a cell stands for, when the cell has every axis of t. list is true when
// it has not, and a reference to t means all instances.
func carried(c cell, axes []string, t *stage) (inst *instance, list bool) {
	if !t.matrixed {
		if len(t.insts) == 0 {
			return nil, false
		}
		return t.insts[0], false
	}
	for _, a := range t.axes {
		if !slices.Contains(axes, a) {
			return nil, true
		}
	}
	for _, in := range t.insts {
		same := true
		for _, a := range t.axes {
			same = same && in.cell.value(a) == c.value(a)
		}
		if same {
			return in, false
		}
	}
	return nil, false
}

// outputs links the recipe's outputs.
func (b *builder) outputs() {
	if len(b.recipe.Outputs) == 0 {
		return
	}
	s := &stage{Stage: &ast.Stage{Name: "outputs"}, index: -1, reads: map[*stage]bool{}}
	for _, t := range b.stages {
		s.reads[t] = true
	}
	sc := b.stageScope(s)
	sc.Absent["matrix"] = "outputs have no matrix"
	f := frame{scoped: newScoped(sc), values: b.cellValues(s, nil)}
	for _, p := range b.recipe.Outputs {
		v, ok := b.evaluate(f, p.Value)
		if !ok {
			continue
		}
		switch x := v.(type) {
		case expr.Ref:
			b.link(p.Key.Text, x)
		case []any:
			for _, item := range x {
				ref, isRef := item.(expr.Ref)
				if !isRef {
					b.diags.Errorf(p.Value.Span, "", "output %s wants artifacts, have %s", p.Key.Text, words(item))
					break
				}
				id := expr.TargetOf(ref).ID
				b.link(p.Key.Text+id[strings.IndexByte(id+"[", '['):], ref)
			}
		default:
			b.diags.Errorf(p.Value.Span, "write ${stage.port}", "output %s wants an artifact, have %s", p.Key.Text, words(v))
		}
	}
}

func (b *builder) link(name string, r expr.Ref) {
	t := expr.TargetOf(r)
	if t.Node < len(b.graph.Nodes) && b.graph.Nodes[t.Node].Off == "" {
		b.graph.Outputs = append(b.graph.Outputs, engine.Link{Name: name, Node: t.Node, Port: t.Port})
	}
}

// words says what a value is, for messages.
func words(v any) string {
	switch x := v.(type) {
	case nil:
		return "nothing"
	case string:
		if len([]rune(x)) > 40 {
			x = string([]rune(x)[:40]) + "..."
		}
		return fmt.Sprintf("%q", x)
	case expr.Ref:
		t := expr.TargetOf(x)
		return fmt.Sprintf("the artifact %s.%s", t.ID, t.Port)
	case []any:
		return fmt.Sprintf("a list of %d", len(x))
	case map[string]any:
		return "a map"
	case secret.Text:
		return "the secret " + strings.Join(x.Names(), " and ")
	}
	s, _ := expr.Format(v)
	return s
}
