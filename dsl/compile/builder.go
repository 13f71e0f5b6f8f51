package compile

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/check"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/secret"
)

// Bounds on what a recipe may unfold to.
const (
	maxCells  = 10_000    // of one stage
	maxNodes  = 20_000    // of a recipe, and uses of other recipes
	maxReads  = 1_000_000 // of nodes by nodes
	maxValues = 2_000_000 // in the parameters of all nodes together
	maxErrors = 200       // found before the rest is left alone
	maxHints  = 50        // errors that name what was meant
)

// shared is what the recipes of one graph have in common.
type shared struct {
	opt       Options
	diags     diag.List
	registry  map[string]*kind
	kindNames []string
	exprs     check.Exprs
	splits    map[*ast.Node]split
	programs  map[string]*expr.Program // by wanted type, source and the types of the names used
	graph     *engine.Graph
	exists    map[string]bool
	patterns  map[string]matched
	loader    *ast.Loader
	blocks    map[string]*block // by identity of the file
	loaded    []*block          // in the order of their first use
	reads     int
	volume    int // values made so far, long texts as several
	expanded  int
	deciding  sync.Mutex // held by gates while they decide
	counted   int        // findings that were looked at
	errors    int        // among them
	full      bool       // a bound is passed, and was reported
}

// builder holds a recipe while it becomes a graph, or a part of one.
type builder struct {
	*shared
	recipe *ast.Recipe
	block  *block // what is known of the recipe whoever uses it; nil for a single stage
	stages []*stage
	byName map[string]*stage
	use    *use // who uses the recipe; nil for the one that was asked for

	paramFrom map[string]*ast.Node // where each recipe parameter's value was written
	vars      map[string]*expr.Var // names that mean the same in every stage
	values    expr.Values
	absent    map[string]string
	unsetEnv  map[string]bool
	env       map[string]string // what commands get
	parallel  map[string]layoutField
	literal   bool        // values are taken as they stand: no expressions
	settled   *expr.Scope // of settings
	axes      *expr.Scope // of `matrix`
	open      *expr.Scope // of `with`

	absentSecrets diag.List // of the instance being made
}

// stage is a stage of the recipe on its way.
type stage struct {
	*ast.Stage
	index     int
	kind      *kind  // nil when unknown, or when the stage uses a recipe
	sub       *block // the recipe that it uses
	ready     bool   // instances are complete
	broken    bool   // instances are not to be trusted
	axes      []string
	matrixed  bool
	cells     []cell
	insts     []*instance
	byCell    map[string]*instance // made when first needed
	anyFails  bool                 // an instance's ports are not known
	nodes     []int                // of all instances; made when first needed
	shape     []field              // what every instance has; made when first needed
	reads     map[*stage]bool      // the stages its expressions name; true: maybe single instances of them
	all       map[string]any       // what the name means to a reader that gets all instances; made once
	scope     *scoped              // of `with`
	plain     *scoped              // of settings: no stages
	gates     map[*stage]bool      // the stages that its `when` reads, as reads
	condition *scoped              // of `when`; made when first needed
}

// instance is one cell of a stage.
type instance struct {
	node   int // of its nodes the first
	end    int // behind its last node
	id     string
	marks  string // the cells of the instance and of those around it, in brackets
	cell   cell
	ports  []artifact.Port
	outs   []out // of a recipe that is used: its outputs, in place of ports
	off    string
	failed bool
}

// out is an output of a recipe that is used: an artifact or a list of them.
type out struct {
	name  string
	value any // expr.Ref or []any of them
}

func (b *builder) build() {
	b.globals()
	order := b.block.order(b)
	for _, i := range order {
		s := b.stages[i]
		s.reads = map[*stage]bool{}
		for _, ref := range b.block.refs[i] {
			if t := b.stages[ref.To]; ref.Data {
				s.reads[t] = s.reads[t] || ref.Keyed
			}
		}
		s.gates = b.gatesOf(b.block.refs[i])
		b.stage(s)
	}
}

// room says whether another instance may be made, and reports once that it may not.
func (b *builder) room(s *stage) bool {
	if b.full {
		return false
	}
	for ; b.counted < len(b.diags); b.counted++ {
		if b.diags[b.counted].Severity == diag.Error {
			b.errors++
		}
	}
	switch {
	case len(b.graph.Nodes) >= maxNodes || b.expanded >= maxNodes:
		b.diags.Errorf(s.NameAt, "", "the recipe unfolds to more than %d stage instances", maxNodes)
	case b.reads > maxReads:
		b.diags.Errorf(s.NameAt, "gather the many in one stage, and read that", "the instances of the recipe read each other more than %d times", maxReads)
	case b.volume > maxValues:
		b.diags.Errorf(s.NameAt, "keep long lists and texts in a file", "the instances of the recipe have more than %d values together", maxValues)
	case b.errors < maxErrors:
		return true
	}
	b.full = true
	return false
}

// stage makes the instances of one stage. Those it reads are ready, unless they form a cycle.
func (b *builder) stage(s *stage) {
	defer func() {
		s.ready = true
		s.anyFails = slices.ContainsFunc(s.insts, func(in *instance) bool { return in.failed })
	}()
	if s.Broken {
		s.broken = true
		return
	}
	ok := b.matrix(s)
	if s.kind == nil && s.sub == nil || !ok {
		s.broken = true
	}
	sc := b.stageScope(s)
	s.scope = newScoped(sc)
	if s.sub == nil {
		s.scope.secrets = true
		sc.Vars[expr.SecretName] = expr.Unknown() // a name to suggest
	} else {
		sc.Absent[expr.SecretName] = "a recipe that is used names its secrets itself"
	}
	plain := &expr.Scope{Vars: map[string]*expr.Var{}, Absent: map[string]string{}, Outer: b.settled}
	if v := sc.Vars["matrix"]; v != nil {
		plain.Vars["matrix"] = v
	} else {
		plain.Absent["matrix"] = sc.Absent["matrix"]
	}
	s.plain = newScoped(plain)
	b.needs(s)
	for _, c := range s.cells {
		if !b.room(s) {
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
			b.diags.Errorf(item.Span, b.nearStage(item.Text), "unknown stage %q", item.Text)
		}
	}
}

// nearStage is a hint for the name of a stage.
func (b *builder) nearStage(name string) string {
	if len(b.diags) > maxHints {
		return ""
	}
	return check.Suggest(name, b.stageNames())
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
	if t.byCell == nil {
		t.byCell = make(map[string]*instance, len(t.insts))
		for _, in := range t.insts {
			t.byCell[in.cell.over(t.axes)] = in
		}
	}
	return t.byCell[c.over(t.axes)], false
}

// outputs are the recipe's outputs: artifacts and lists of them. ok is false when one of them is not known.
func (b *builder) outputs() (outs []out, ok bool) {
	s := &stage{Stage: &ast.Stage{Name: "outputs"}, index: -1, reads: map[*stage]bool{}}
	for _, p := range b.recipe.Outputs {
		check.Uses(p.Value, b.exprs, func(u expr.Use, _ pos.Span) {
			if t := b.byName[u.Chain[0]]; t != nil {
				s.reads[t] = s.reads[t] || check.Keyed(u)
			}
		})
	}
	sc := b.stageScope(s)
	sc.Absent["matrix"] = "outputs have no matrix"
	f := frame{scoped: newScoped(sc), values: b.cellValues(s, nil)}
	ok = true
	for _, p := range b.recipe.Outputs {
		v, known := b.evaluate(f, p.Value)
		if known {
			known = b.artifacts(p, v)
		}
		if ok = ok && known; known {
			outs = append(outs, out{p.Key.Text, v})
		}
	}
	return outs, ok
}

// artifacts says whether an output's value is an artifact or a list of them.
func (b *builder) artifacts(p *ast.Pair, v any) bool {
	switch x := v.(type) {
	case expr.Ref:
		return true
	case []any:
		for _, item := range x {
			if _, isRef := item.(expr.Ref); !isRef {
				b.diags.Errorf(p.Value.Span, "", "output %s wants artifacts, have %s", p.Key.Text, words(item))
				return false
			}
		}
		return true
	}
	b.diags.Errorf(p.Value.Span, "write ${stage.port}", "output %s wants an artifact, have %s", p.Key.Text, words(v))
	return false
}

// links names the outputs of the whole graph for a person: those of a matrix by their cells.
func (b *builder) links(outs []out) {
	for _, o := range outs {
		list, many := o.value.([]any)
		if !many {
			list = []any{o.value}
		}
		for _, item := range list {
			r, _ := item.(expr.Ref)
			t, name := expr.TargetOf(r), o.name
			if many {
				name += t.Cell
			}
			if b.graph.Nodes[t.Node].Off == "" {
				b.graph.Outputs = append(b.graph.Outputs, engine.Link{Name: name, Node: t.Node, Port: t.Port})
			}
		}
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
