package compile

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/check"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/param"
)

// Options are what a recipe is checked against.
type Options struct {
	Stages []engine.Stage              // the stage kinds there are
	Params []string                    // "k=v", from -p
	Sets   []string                    // "stage.path=v", from --set
	Env    func(string) (string, bool) // looks up environment variables; nil knows none
	Dir    string                      // working directory, absolute
	Exists func(path string) (ok bool) // whether a source is there; nil asks the file system
	Over   ast.Overlay                 // unsaved texts of files; nil is none
	// Open takes a recipe without the parameters that a caller must give, with a warning: what depends on them is not
	// checked, and the graph is not for running.
	Open bool
	// Secret says whether a secret is there, and if not, where it was looked for. It does not read the value. Nil
	// knows none.
	Secret func(name string) (ok bool, why string)
}

// File compiles the recipe at path, which is also how messages call it. The graph is nil when there are errors;
// the list may hold warnings when there are none.
func File(path string, opt Options) (*engine.Graph, diag.List) {
	b := newBuilder(opt)
	l := b.file(path)
	if l.HasErrors() {
		return nil, l
	}
	b.graph.Recipe, b.graph.Origin = b.recipe.Name, path
	for _, f := range b.loader.Files {
		if !slices.Contains(b.graph.Files, f.Name) {
			b.graph.Files = append(b.graph.Files, f.Name)
		}
	}
	b.graph.Digest = digest(b.recipe.Root, opt, b.loaded...)
	return b.graph, l
}

// file builds the recipe at path as far as it can. The recipe is nil when its file cannot be read.
func (b *builder) file(path string) diag.List {
	abs := path
	if !filepath.IsAbs(abs) {
		abs = filepath.Join(b.opt.Dir, path)
	}
	root, diags := b.loader.Load(abs, path, pos.Span{})
	b.diags.Add(diags...)
	if root == nil {
		return finish(b.diags)
	}
	r, diags := ast.Decode(root)
	b.diags.Add(diags...)
	b.recipe, b.block = r, &block{name: path, identity: ast.Identity(abs), root: root, recipe: r}
	b.kinds(r)
	b.sets(b.opt.Sets)
	b.build()
	if outs, ok := b.outputs(); ok && !b.diags.HasErrors() {
		b.links(outs)
	}
	return finish(b.diags)
}

// finish adds how an extended file came in to what is wrong in it.
func finish(l diag.List) diag.List {
	l = l.Sorted()
	for i := range l {
		f := l[i].Subject.Start.File
		for f != nil && f.Via.Known() {
			if n := (diag.Note{Text: "extends " + f.Name, Span: f.Via}); !slices.Contains(l[i].Notes, n) {
				l[i].Notes = append(slices.Clip(l[i].Notes), n)
			}
			f = f.Via.Start.File
		}
	}
	return l
}

// kind is a stage kind and its schema.
type kind struct {
	stage  engine.Stage
	spec   engine.Spec
	schema param.Schema
}

func newBuilder(opt Options) *builder {
	b := &builder{shared: &shared{
		opt: opt, registry: map[string]*kind{}, exprs: check.Exprs{}, splits: map[*ast.Node]split{}, programs: map[string]*expr.Program{}, graph: &engine.Graph{},
		exists: map[string]bool{}, patterns: map[string]matched{}, loader: &ast.Loader{Over: opt.Over}, blocks: map[string]*block{},
	}}
	for _, s := range opt.Stages {
		spec := s.Describe()
		schema, err := param.Of(spec.Params)
		if err != nil {
			panic(fmt.Sprintf("compile: parameters of stage %s: %v", spec.Name, err)) // a programming error, found by every test of the stage
		}
		b.registry[spec.Name] = &kind{stage: s, spec: spec, schema: schema}
		b.kindNames = append(b.kindNames, spec.Name)
	}
	return b
}

// kinds finds the kind of every stage.
func (b *builder) kinds(r *ast.Recipe) {
	b.stages = make([]*stage, len(r.Stages))
	b.byName = make(map[string]*stage, len(r.Stages))
	for i, s := range r.Stages {
		st := &stage{Stage: s, index: i, kind: b.registry[s.Uses]}
		if IsRecipe(s.Uses) && !s.Broken {
			st.sub = b.subRecipe(s)
		} else if s.Uses != "" && st.kind == nil {
			b.diags.Errorf(s.UsesAt, check.Suggest(s.Uses, b.kindNames), "unknown stage kind %q", s.Uses)
		}
		b.stages[i] = st
		b.byName[s.Name] = st
	}
}

// Describe lists what a recipe offers a caller: its parameters and stages.
func Describe(path string) (*Description, diag.List) {
	root, l := ast.Load(path, path)
	if root == nil {
		return nil, finish(l)
	}
	r, diags := ast.Decode(root)
	l.Add(diags...)
	d := &Description{Name: r.Name, Doc: r.Doc}
	for _, q := range r.Params {
		p := Param{Name: q.Name, Type: q.Type, Doc: q.Doc, Min: q.Min, Max: q.Max, Required: q.Default == nil && !q.Broken}
		if q.Default != nil {
			p.Default = q.Default.Value()
		}
		for _, e := range q.Enum {
			p.Enum = append(p.Enum, e.Text)
		}
		d.Params = append(d.Params, p)
	}
	for _, s := range r.Stages {
		d.Stages = append(d.Stages, StageNote{Name: s.Name, Uses: s.Uses, Doc: s.Doc})
	}
	return d, finish(l)
}

// Description is what a recipe offers a caller.
type Description struct {
	Name   string
	Doc    string
	Params []Param
	Stages []StageNote
}

// Param is one parameter that -p sets.
type Param struct {
	Name     string
	Type     string
	Default  any // as written; nil when Required
	Required bool
	Min, Max *float64
	Enum     []string
	Doc      string
}

// StageNote is a stage's name, kind and doc.
type StageNote struct {
	Name, Uses, Doc string
}
