package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/check"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/param"
)

// Given is a parameter on the command line of a stage by itself.
type Given struct {
	As    string   // how it was written, as messages show it: "--with tp=2", "--tp 2"
	Name  string   // a parameter, an alias of one, or a path into one: lora.r; "" when there is none
	Texts []string // its value; several are items of a list
}

// With is what --with name=value gives.
func With(text string) Given {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		name = ""
	}
	return Given{As: "--with " + text, Name: name, Texts: []string{value}}
}

// Stage compiles one stage by itself from what a command line gives, as `belay stage KIND` takes it. Lists may be
// given again, which appends; anything else given again is a mistake.
func Stage(name string, with []Given, opt Options) (*engine.Graph, diag.List) {
	b := newBuilder(opt)
	b.literal = true
	k := b.registry[name]
	if k == nil {
		f := pos.NewInline("belay stage "+name, opt.Dir, name)
		b.diags.Errorf(pos.Of(f, 0, len(name)), check.Suggest(name, b.kindNames), "unknown stage kind %q", name)
		return nil, b.diags
	}
	call := pos.NewInline("belay stage "+name, opt.Dir, name)
	here := pos.Of(call, 0, len(name))
	id := strings.ReplaceAll(name, "-", "_")
	st := &ast.Stage{Name: id, NameAt: here, Uses: name, UsesAt: here, With: ast.MapOf(here)}
	seen := map[string]bool{}
	for _, g := range with {
		b.lay(k, st, g, seen)
	}
	b.recipe = &ast.Recipe{Root: ast.MapOf(here), Name: id, Stages: []*ast.Stage{st}}
	s := &stage{Stage: st, kind: k}
	b.stages, b.byName = []*stage{s}, map[string]*stage{id: s}
	b.vars, b.values, b.absent = map[string]*expr.Var{}, expr.Values{}, map[string]string{}
	b.scopes()
	b.stage(s)
	l := finish(b.diags)
	if l.HasErrors() {
		return nil, l
	}
	b.graph.Recipe, b.graph.Origin = id, fmt.Sprintf("belay stage %s", name)
	b.graph.Digest = digest(st.With, opt)
	return b.graph, l
}

// lay lays one parameter of a command line over the stage's `with`.
func (b *builder) lay(k *kind, st *ast.Stage, g Given, seen map[string]bool) {
	as := g.As
	if hidden(k, g.Name) {
		as, _, _ = strings.Cut(as, "=")
		if as, _, _ = strings.Cut(as, " "); as == "--with" {
			as += " " + g.Name
		}
		as += "=***"
	}
	f := pos.NewInline(as, b.opt.Dir, strings.Join(g.Texts, " "))
	all := pos.Of(f, 0, len(f.Text))
	if g.Name == "" {
		b.diags.Errorf(all, "write --with name=value", "the parameter has no value")
		return
	}
	field, known := k.schema.Lookup(g.Name)
	name := g.Name
	if known && !strings.Contains(name, ".") {
		name = field.Name // whatever it is called this time
	}
	n := b.words(k, field, f, g)
	if n == nil {
		return
	}
	if seen[name] {
		if !known || field.Type != param.Inputs && field.Type != param.List {
			b.diags.Errorf(all, "keep one of them", "parameter %s is given twice", name)
			return
		}
		for _, p := range st.With.Pairs {
			if p.Key.Text == name || slices.Contains(field.Aliases, p.Key.Text) {
				appendItems(p, n.Pairs[0].Value)
			}
		}
		return
	}
	seen[name] = true
	st.With = ast.Merge(st.With, n, &b.diags)
}

// words is the map {a: {b: value}} of what is given for parameter a.b. A list is given as its items, or as one text
// that is a list: [a, b].
func (b *builder) words(k *kind, field *param.Field, f *pos.File, g Given) *ast.Node {
	path := strings.Split(g.Name, ".")
	one := len(g.Texts) == 1
	if field == nil || field.Type != param.List && field.Type != param.Inputs || one && (field.Type == param.Inputs || strings.HasPrefix(strings.TrimSpace(g.Texts[0]), "[")) {
		return b.given(k, f, path, strings.Join(g.Texts, " "))
	}
	all := pos.Of(f, 0, len(f.Text))
	list := &ast.Node{Kind: ast.List, Span: all}
	for _, text := range g.Texts {
		item := ast.TextOf(f, text)
		item.Span = all
		if field.Type == param.List && field.Elem.Type != param.String {
			p, diags := ast.Parse(pos.NewInline(f.Name, b.opt.Dir, text))
			b.diags.Add(diags...)
			if p == nil || diags.HasErrors() {
				return nil
			}
			item = p
		}
		list.Items = append(list.Items, item)
	}
	key := &ast.Node{Kind: ast.Text, Text: g.Name, Span: all}
	return ast.MapOf(all, &ast.Pair{Key: key, Value: list})
}

// appendItems adds a value that is given again to the list of those given before.
func appendItems(p *ast.Pair, again *ast.Node) {
	list := &ast.Node{Kind: ast.List, Span: p.Value.Span}
	for _, v := range []*ast.Node{p.Value, again} {
		if v.Kind == ast.List {
			list.Items = append(list.Items, v.Items...)
		} else {
			list.Items = append(list.Items, v)
		}
	}
	p.Value = list
}
