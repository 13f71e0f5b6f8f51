package lsp

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/dsl/lsp/internal/outline"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/param"
)

// cursorSign stands at the cursor while the text is read, so that there is a word to find.
const cursorSign = "\ue000"

// completer collects what fits at one place.
type completer struct {
	*project
	off      int // the cursor
	stage    string
	flow     bool
	beside   *outline.Node // the map or list that the value stands in
	from, to int           // what an item replaces
	quote    string        // what a value that needs quotes gets
	items    []completionItem
}

// complete lists what fits at an offset of the recipe.
func (p *project) complete(off int) []completionItem {
	src := p.files[0]
	if len(src.text) > ast.MaxBytes || !p.ours() && !p.empty() {
		return nil
	}
	marked := outline.Parse(src.text[:off] + cursorSign + src.text[off:])
	at := outline.Locate(marked, off)
	if at == nil {
		return nil
	}
	// From here on the recipe is what the marked text says: the word at the cursor may hide what follows it.
	own := *src
	own.root = marked
	q := *p
	q.files = append([]*source{&own}, p.files[1:]...)
	c := &completer{project: &q, off: off, quote: `"`}
	keys := at.Keys()
	if len(keys) > 1 && keys[0] == "stages" {
		c.stage = keys[1]
	}
	if at.Pair != nil {
		holder := at.Above[len(at.Above)-1]
		c.flow = holder.Flow
		c.word(at.Pair.From, at.Pair.To-len(cursorSign))
		c.keys(q.slot(keys), holder, at.Pair.Colon < 0)
		return c.items
	}
	n := at.Value
	s := q.slot(keys)
	// The first key of an item that is a map stands behind the dash.
	dashed := n.Kind == outline.Scalar && len(s.fields) > 0 && len(at.Above) > 0 && !at.Above[len(at.Above)-1].Flow
	if (n.Bare || dashed) && (len(keys) == 0 || keys[len(keys)-1] != "*" || len(s.keys)+len(s.fields) > 0) {
		c.word(n.From, n.To-len(cursorSign))
		c.keys(s, &outline.Node{Kind: outline.Map}, true)
		if len(c.items) > 0 {
			return c.items
		}
	}
	if len(at.Above) > 0 {
		c.beside = at.Above[len(at.Above)-1]
	}
	c.value(s, n)
	return c.items
}

// empty says whether nothing but a word stands in the recipe yet.
func (p *project) empty() bool {
	root := p.files[0].outline()
	return root.Kind == outline.Scalar || len(root.Pairs) == 0 || len(root.Pairs) == 1 && root.Pairs[0].Colon < 0
}

// word sets what items replace: bytes of the text without the cursor's sign.
func (c *completer) word(from, to int) {
	c.from, c.to = min(from, c.off), max(c.off, to)
	if text := c.files[0].text[c.from:c.to]; strings.ContainsAny(text, "\r\n") {
		c.from, c.to = c.off, c.off // a range is on one line
	}
}

// add appends an item. text is what is put in; a snippet when it holds $.
func (c *completer) add(kind int, label, detail, doc, text string, rank int) *completionItem {
	item := completionItem{
		Label: label, Kind: kind, Detail: detail, SortText: fmt.Sprintf("%d%04d", rank, len(c.items)),
		TextEdit: &textEdit{c.files[0].span(c.from, c.to), text},
	}
	if doc != "" {
		item.Documentation = c.s.itemMarkup(doc)
	}
	c.items = append(c.items, item)
	return &c.items[len(c.items)-1]
}

// snippet turns an item's text into a snippet where the client knows them, else plain stands.
func (c *completer) snippet(item *completionItem, text string) {
	if !c.s.snippets {
		return
	}
	if strings.Contains(text, "\n") {
		if !c.s.indents {
			return
		}
		item.Mode = 2
	}
	item.Format, item.TextEdit.NewText = 2, text
}

// keys adds what fits as a key of a map. colon says that the key has none yet.
func (c *completer) keys(s slot, holder *outline.Node, colon bool) {
	after := ""
	if colon {
		after = ": "
	}
	for i := range s.fields {
		f := &s.fields[i]
		if given(holder, f) {
			continue
		}
		rank, detail := 1, typeWords(f)
		if f.Required {
			rank, detail = 0, "required, "+detail
		}
		item := c.add(itemProperty, f.Name, detail, fieldDoc(f), f.Name+after, rank)
		if colon && (f.Type == param.Object || f.Type == param.Map || f.Type == param.InputMap) {
			c.nested(item, f.Name, "$0")
		}
	}
	for _, w := range s.keys {
		if holder.Find(w.name) != nil {
			continue
		}
		item := c.add(itemProperty, w.name, "", w.doc, w.name+after, 0)
		if !colon {
			continue
		}
		switch {
		case c.stage == "" && w.name == "stages":
			c.nested(item, w.name, "${1:name}:\n    uses: $0")
		case c.stage != "" && w.name == "with" && slices.ContainsFunc(c.fields(c.stage), func(f param.Field) bool { return f.Required }):
			c.nested(item, w.name, c.required())
		case slices.Contains([]string{"with", "params", "outputs", "parallel", "matrix", "env"}, w.name):
			c.nested(item, w.name, "$0")
		}
	}
}

// nested makes an item a snippet that opens a map.
func (c *completer) nested(item *completionItem, name, inner string) {
	if c.flow {
		if !strings.Contains(inner, "\n") {
			c.snippet(item, name+": {"+inner+"}")
		}
		return
	}
	c.snippet(item, name+":\n  "+inner)
}

// required is a snippet of the parameters that the stage must be given.
func (c *completer) required() string {
	var lines []string
	for _, f := range c.fields(c.stage) {
		if f.Required {
			lines = append(lines, fmt.Sprintf("%s: $%d", f.Name, len(lines)+1))
		}
	}
	if c.flow {
		return strings.Join(lines, ", ")
	}
	return strings.Join(lines, "\n  ")
}

// value adds what fits in the place of a scalar.
func (c *completer) value(s slot, n *outline.Node) {
	c.flow = n.Flow
	text := strings.Replace(n.Text, cursorSign, "", 1)
	plain := *n // the scalar without the sign
	plain.Text = text
	if plain.To -= len(cursorSign); n.Inner > c.off {
		plain.Inner -= len(cursorSign)
	}
	if n.Style != outline.Plain {
		c.quote = ""
	}
	if s.exprs || s.bare {
		for _, x := range expressions(&plain, s.bare) {
			if x.from <= c.off && c.off <= x.to {
				c.expression(x, s)
				return
			}
		}
	}
	if n.Style == outline.Block || strings.ContainsAny(text, "\r\n") {
		return
	}
	c.word(plain.Inner, plain.Inner+len(text))
	for _, w := range s.values {
		c.add(itemValue, w.name, "", w.doc, w.name, 0)
	}
	if s.stages {
		for _, name := range c.stages() {
			listed := slices.ContainsFunc(scalars(c.beside), func(n *outline.Node) bool { return n.Text == name })
			if name != c.stage && !listed {
				c.add(itemModule, name, c.stageWord("uses", name), c.stageDoc(name), name, 0)
			}
		}
	}
	if s.kinds {
		for _, name := range c.s.kindNames {
			k := c.s.kinds[name]
			c.add(itemModule, name, plainly(portList(k.spec.Outputs)), kindDoc(k), name, 0)
		}
	}
	before := text[:min(max(c.off-plain.Inner, 0), len(text))]
	if s.paths || s.kinds && strings.ContainsAny(before, "./") {
		c.paths(before, true)
	}
	if s.field != nil {
		c.fieldValue(s, before)
	}
}

// stageWord is the text of a stage's key.
func (c *completer) stageWord(key, stage string) string { return c.project.word("stages", stage, key) }

// fieldValue adds values of a parameter.
func (c *completer) fieldValue(s slot, before string) {
	f := s.field
	if f.Type == param.List && f.Elem != nil {
		f = f.Elem
	}
	fallback, _ := expr.Format(f.Default)
	for _, e := range f.Enum {
		item := c.add(itemEnum, e, "", "", e, 0)
		item.Preselect = e == fallback && fallback != ""
	}
	switch {
	case f.Type.IsInput():
		if s.exprs {
			c.inputs(f)
		}
		c.paths(before, false)
		return
	case f.Type == param.Bool:
		c.add(itemValue, "true", "", "", "true", 0)
		c.add(itemValue, "false", "", "", "false", 0)
	case len(f.Enum) == 0 && fallback != "" && f.Class != param.Secret:
		c.add(itemValue, fallback, "the default", "", fallback, 0)
	}
	if !s.exprs {
		return
	}
	for _, name := range c.names("params") {
		if p := c.param(name); fits(f.Type, p.Type) {
			c.reference("params."+name, typeWords(&p), c.paramDoc(name), 1)
		}
	}
	if c.stage != "" {
		_, axes := c.axes(c.stage)
		for _, a := range axes {
			c.reference("matrix."+a, "", c.axisDoc(c.stage, a), 1)
		}
	}
}

// fits says whether a parameter of one type may be the value of a field of another.
func fits(want, have param.Type) bool {
	return want == have || have == param.Any || want == param.Float && have == param.Int
}

// inputs adds the ports that an input takes.
func (c *completer) inputs(f *param.Field) {
	for _, name := range c.stages() {
		if name == c.stage {
			continue
		}
		for _, port := range c.ports(name) {
			if accepts(f, port) {
				c.reference(name+"."+port.Name, string(port.Kind), c.portDoc(name, port), 0)
			}
		}
	}
	for _, name := range c.names("params") {
		p := c.param(name)
		kind := artifact.Unspecified // of a parameter that takes any, and of paths
		if len(p.Kinds) > 0 && p.Kinds[0] != pathOnly {
			kind = p.Kinds[0]
		}
		if p.Type.IsInput() && accepts(f, artifact.Port{Kind: kind}) {
			c.reference("params."+name, typeWords(&p), c.paramDoc(name), 1)
		}
	}
}

// reference adds a whole value that is an expression.
func (c *completer) reference(source, detail, doc string, rank int) {
	text := "${" + source + "}"
	item := c.add(itemVariable, source, detail, doc, c.quote+text+c.quote, rank)
	item.FilterText = source
}

// wordAround is the bytes of the name that touches the cursor.
func wordAround(text string, off int) (from, to int) {
	for from = off; from > 0 && letter(text[from-1]); from-- {
	}
	for to = off; to < len(text) && letter(text[to]); to++ {
	}
	for from < off && !utf8.RuneStart(text[from]) {
		from++
	}
	return from, to
}
