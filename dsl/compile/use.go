package compile

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/check"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
)

// maxUses bounds how deep recipes may use each other.
const maxUses = 16

// block is a recipe that stages use, and what is the same for all of them.
type block struct {
	name     string // as messages call it
	identity string
	root     *ast.Node
	files    []*pos.File // what it was read from
	recipe   *ast.Recipe // nil when it cannot be read; reported
	broken   bool        // it has mistakes, which were reported when it was read
	tried    bool        // its stages were looked at

	refs   [][]check.Ref
	sorted []int
}

// order is the stages in the order of dependency. Cycles are reported the first time.
func (k *block) order(b *builder) []int {
	if k.refs == nil {
		k.refs = check.Refs(k.recipe, b.exprs)
		var diags diag.List
		k.sorted, diags = check.Order(k.recipe, k.refs)
		b.diags.Add(diags...)
	}
	return k.sorted
}

// use is one use of a recipe by an instance of a stage.
type use struct {
	by     *builder
	stage  *stage
	id     string               // of the instance, which the names of the nodes begin with
	name   string               // of the stage, likewise
	marks  string               // the instance's cells
	cell   map[string]any       // their values
	values map[string]any       // of the recipe's parameters
	from   map[string]*ast.Node // where they were written
	places map[*ast.Node]string // the same in words, as the caller sees it
	off    string               // why all of it is off
	base   engine.Node          // settings for stages that have none
	needs  []int                // nodes to wait for
	first  int                  // of its nodes
}

// IsRecipe says whether `uses` names a file rather than a stage kind.
func IsRecipe(uses string) bool {
	ext := filepath.Ext(uses)
	return strings.HasPrefix(uses, "./") || strings.HasPrefix(uses, "../") || strings.HasPrefix(uses, "/") || ext == ".yaml" || ext == ".yml"
}

// subRecipe reads the recipe that a stage uses; nil when that is not possible, which was reported.
func (b *builder) subRecipe(s *ast.Stage) *block {
	if strings.Contains(s.Uses, "${") {
		b.diags.Errorf(s.UsesAt, "", "uses takes no expressions")
		return nil
	}
	abs, name := ast.Locate(s.UsesAt.Start.File, s.Uses)
	identity := ast.Identity(abs)
	if !b.mayUse(s, identity) {
		return nil
	}
	k := b.blocks[identity]
	if k != nil {
		return k
	}
	k = &block{name: name, identity: identity}
	b.blocks[identity] = k
	b.loaded = append(b.loaded, k)
	before := len(b.diags)
	defer func() { usedBy(b.diags[before:], s) }()
	first := len(b.loader.Files)
	root, diags := b.loader.Load(abs, name, s.UsesAt)
	k.files = b.loader.Files[first:]
	b.diags.Add(diags...)
	k.broken = diags.HasErrors()
	if root == nil {
		return k
	}
	k.root = root
	k.recipe, diags = ast.Decode(root)
	b.diags.Add(diags...)
	k.broken = k.broken || diags.HasErrors()
	return k
}

// mayUse says whether using a file ends: it may not be one of those that led here.
func (b *builder) mayUse(s *ast.Stage, identity string) bool {
	var chain []diag.Note
	depth := 0
	by, at := b, diag.Note{}
	for ; by != nil; depth++ {
		if depth > 0 {
			chain = append(chain, at)
		}
		if by.block.identity == identity {
			slices.Reverse(chain)
			b.diags.Add(diag.Diagnostic{Summary: fmt.Sprintf("%s uses itself", by.block.name), Subject: s.UsesAt, Notes: chain})
			return false
		}
		u := by.use
		if u == nil {
			break
		}
		at = diag.Note{Text: fmt.Sprintf("stage %s uses %s", u.stage.Name, by.block.name), Span: u.stage.UsesAt}
		by = u.by
	}
	if depth >= maxUses {
		b.diags.Errorf(s.UsesAt, "", "recipes use each other more than %d deep", maxUses)
		return false
	}
	return true
}

// usedBy notes the stage that uses a recipe on what was found in it.
func usedBy(found diag.List, s *ast.Stage) {
	note := diag.Note{Text: "used by stage " + s.Name, Span: s.UsesAt}
	for i := range found {
		here := func(n diag.Note) bool { return n.Span == note.Span }
		if found[i].Subject.Start != s.UsesAt.Start && !slices.ContainsFunc(found[i].Notes, here) {
			found[i].Notes = append(slices.Clip(found[i].Notes), note)
		}
	}
}

// expand makes the nodes of the recipe that a stage uses, for one instance. base has the stage's settings.
func (b *builder) expand(s *stage, in *instance, base *engine.Node) {
	in.end = len(b.graph.Nodes)
	u := &use{
		by: b, stage: s, id: in.id, name: b.nameOf(s), marks: in.marks, cell: base.Cell, off: in.off, base: *base, needs: base.Needs, first: in.end,
	}
	if b.use != nil {
		u.needs = slices.Concat(base.Needs, b.use.needs)
	}
	if s.sub.recipe == nil {
		// Nothing says what its parameters are, but expressions can still be checked.
		b.evaluate(frame{scoped: s.scope, values: b.cellValues(s, in.cell), cell: in.cell}, s.With)
		in.failed = true
		return
	}
	b.arguments(s, in, u)
	if s.sub.broken && s.sub.tried {
		in.failed = true
		return
	}
	s.sub.tried = true
	b.expanded++
	inner := &builder{shared: b.shared, recipe: s.sub.recipe, block: s.sub, use: u}
	before := len(b.diags)
	inner.kinds(s.sub.recipe)
	inner.build()
	outs, ok := inner.outputs()
	in.outs, in.failed = outs, !ok
	in.end = len(b.graph.Nodes)
	usedBy(b.diags[before:], s.Stage)
}

// arguments gives the recipe's parameters the values of the stage's `with`, or their defaults. A parameter that gets
// none was reported.
func (b *builder) arguments(s *stage, in *instance, u *use) {
	u.values, u.from, u.places = map[string]any{}, map[string]*ast.Node{}, map[*ast.Node]string{}
	params := s.sub.recipe.Params
	var names []string
	for _, q := range params {
		names = append(names, q.Name)
	}
	f := frame{scoped: s.scope, values: b.cellValues(s, in.cell), cell: in.cell}
	given := map[string]bool{}
	for _, p := range s.With.Pairs {
		v, ok := b.evaluate(f, p.Value)
		i := slices.Index(names, p.Key.Text)
		if i < 0 {
			b.diags.Errorf(p.Key.Span, check.Suggest(p.Key.Text, names), "unknown parameter %q of %s", p.Key.Text, s.sub.name)
			continue
		}
		if ok && v == nil {
			continue // as if it were not written
		}
		q := params[i]
		if given[q.Name] = true; !ok || q.Broken {
			continue
		}
		from, moved := b.source(in.cell, p.Value)
		fit, bad := b.argument(q, v, from)
		if bad != nil {
			d := bad.At(p.Value.Span)
			if moved {
				d = noteFrom(d, from, d.Subject)
			}
			d.Notes = append(d.Notes, declared(q))
			b.diags.Add(d)
			continue
		}
		u.values[q.Name], u.from[q.Name], u.places[from] = fit, from, b.origin(in.cell, p.Value)
	}
	for _, q := range params {
		switch {
		case given[q.Name] || q.Broken:
		case q.Default == nil:
			b.diags.Add(diag.Diagnostic{
				Summary: fmt.Sprintf("missing parameter %s of %s, want %s", q.Name, s.sub.name, q.Want()),
				Hint:    fmt.Sprintf("write it below with: %s: ...", q.Name), Subject: s.NameAt, Notes: []diag.Note{declared(q)},
			})
		default:
			if v, err := q.Convert(q.Default); err == nil {
				u.values[q.Name], u.from[q.Name] = v, q.Default
			}
		}
	}
}

// foreign says whether a node was written by a caller: its names are not those of this recipe.
func (b *builder) foreign(n *ast.Node) bool {
	return b.use != nil && !slices.Contains(b.block.files, n.File())
}

func declared(q *ast.Param) diag.Note {
	return diag.Note{Text: fmt.Sprintf("parameter %s is declared here", q.Name), Span: q.At}
}

// argument gives a value the type of a parameter. from is where it was written.
func (b *builder) argument(q *ast.Param, v any, from *ast.Node) (any, *ast.Misfit) {
	ref, isRef := v.(expr.Ref)
	if !isRef {
		if inside, found := findRef(v); found {
			hint := ""
			if list, isList := v.([]any); isList && q.Type == "artifact" {
				hint = "a parameter takes one artifact; outputs and stages take lists"
				return nil, &ast.Misfit{Summary: fmt.Sprintf("parameter %s wants an artifact or a path, have a list of %d", q.Name, len(list)), Hint: hint}
			}
			return nil, &ast.Misfit{Summary: fmt.Sprintf("parameter %s takes no artifact inside %s, have %s", q.Name, q.Want(), words(inside)), Hint: hint}
		}
		dir := b.opt.Dir
		if file := from.File(); file != nil {
			dir = file.Dir
		}
		return q.Fit(v, words(v), dir)
	}
	t := expr.TargetOf(ref)
	switch {
	case q.Type != "artifact":
		return nil, &ast.Misfit{
			Summary: fmt.Sprintf("parameter %s wants %s, have %s", q.Name, q.Want(), words(ref)), Hint: "declare it as {type: artifact}",
		}
	case !artifact.Accepts(q.Kind, t.Kind):
		return nil, &ast.Misfit{
			Summary: fmt.Sprintf("parameter %s wants %s, but %s.%s is %s", q.Name, q.Kind, t.ID, t.Port, t.Kind), Hint: b.makers(t.Kind, []artifact.Kind{q.Kind}),
		}
	}
	return ref, nil
}

// idOf and nameOf are what an instance and a stage are called in the whole graph.
func (b *builder) idOf(s *stage, c cell) string {
	if b.use == nil {
		return s.instanceID(c)
	}
	return b.use.id + "/" + s.instanceID(c)
}

func (b *builder) nameOf(s *stage) string {
	if b.use == nil {
		return s.Name
	}
	return b.use.name + "/" + s.Name
}

// cellOf are the values of an instance's cell and of those around it. An axis of the same name around it goes by the
// stage's name too.
func (b *builder) cellOf(c cell) map[string]any {
	values := c.values()
	if b.use == nil || len(b.use.cell) == 0 {
		return values
	}
	all := maps.Clone(b.use.cell)
	for k, v := range values {
		if outer, twice := all[k]; twice {
			all[b.use.name+"."+k] = outer
		}
		all[k] = v
	}
	return all
}

// marksOf are the cells of an instance and of those around it, as names show them.
func (b *builder) marksOf(s *stage, c cell) string {
	marks := ""
	if b.use != nil {
		marks = b.use.marks
	}
	if s.matrixed {
		marks += "[" + c.key() + "]"
	}
	return marks
}

// wait makes a node of a recipe that is used wait for what its stage needs, unless it waits for another node of
// the recipe anyway.
func (u *use) wait(n *engine.Node) {
	if u == nil || len(u.needs) == 0 || slices.ContainsFunc(n.Needs, func(d int) bool { return d >= u.first }) || u.inside(n.Params) {
		return
	}
	all := slices.Concat(n.Needs, u.needs)
	slices.Sort(all)
	n.Needs = slices.Compact(all)
}

func (u *use) inside(v any) bool {
	switch x := v.(type) {
	case engine.Output:
		return x.Node >= u.first
	case []any:
		return slices.ContainsFunc(x, u.inside)
	case map[string]any:
		for _, item := range x {
			if u.inside(item) {
				return true
			}
		}
	}
	return false
}
