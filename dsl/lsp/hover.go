package lsp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/dsl/lsp/internal/outline"
	"github.com/belay-ml/belay/dsl/workspace"
)

// hover is what there is to say about an offset; "" for nothing. from and to are the bytes it is about.
func (p *project) hover(off int) (text string, from, to int) {
	src := p.files[0]
	at := outline.Locate(src.outline(), off)
	if at == nil || !p.ours() {
		return "", 0, 0
	}
	keys := at.Keys()
	if at.Pair != nil {
		return p.hoverKey(append(keys, at.Pair.Key)), at.Pair.From, at.Pair.To
	}
	n := at.Value
	if !src.settings() {
		bare := len(keys) == 3 && keys[0] == "stages" && keys[2] == "when"
		for _, x := range expressions(n, bare) {
			if x.from <= off && off <= x.to {
				stage := ""
				if len(keys) > 1 && keys[0] == "stages" {
					stage = keys[1]
				}
				return p.hoverExpr(x, off, stage, bare)
			}
		}
	}
	return p.hoverValue(keys, n), n.From, n.To
}

// hoverKey is about a key: keys ends with it.
func (p *project) hoverKey(keys []string) string {
	key := keys[len(keys)-1]
	if p.files[0].settings() {
		if f := lookup(p.s.settings.Fields, keys); f != nil {
			return fieldDoc(f)
		}
		return ""
	}
	switch {
	case len(keys) == 2 && keys[0] == "stages":
		return p.stageDoc(key)
	case len(keys) == 2 && keys[0] == "params":
		return p.paramDoc(key)
	case len(keys) > 3 && keys[0] == "stages" && keys[2] == "matrix" && !slices.Contains(ast.MatrixKeys(), key):
		return p.axisDoc(keys[1], key)
	}
	above := p.slot(keys[:len(keys)-1])
	if f := lookup(above.fields, keys[len(keys)-1:]); f != nil {
		return fieldDoc(f)
	}
	key = strings.TrimSuffix(key, "+")
	if i := slices.IndexFunc(above.keys, func(w word) bool { return w.name == key && w.doc != "" }); i >= 0 {
		return fmt.Sprintf("**%s**\n\n%s", key, above.keys[i].doc)
	}
	return ""
}

// hoverValue is about a value without an expression.
func (p *project) hoverValue(keys []string, n *outline.Node) string {
	s := p.slot(keys)
	switch {
	case s.kinds:
		if k := p.s.kinds[n.Text]; k != nil {
			return kindDoc(k)
		}
		if sub := p.sub(keys[1]); sub != nil {
			return sub.recipeDoc(n.Text)
		}
	case s.stages && p.isStage(n.Text):
		return p.stageDoc(n.Text)
	case s.field != nil && len(keys) > 1 && keys[0] == "params":
		return p.paramDoc(keys[1])
	case s.field != nil && s.field.Name != "":
		return fieldDoc(s.field)
	}
	if i := slices.IndexFunc(s.values, func(w word) bool { return w.name == n.Text && w.doc != "" }); i >= 0 {
		return fmt.Sprintf("**%s**\n\n%s", n.Text, s.values[i].doc)
	}
	return ""
}

// recipeDoc describes a recipe that is used as a stage.
func (p *project) recipeDoc(name string) string {
	s := "recipe **" + name + "**"
	if doc := p.word("doc"); doc != "" {
		s += "\n\n" + doc
	}
	if params := p.names("params"); len(params) > 0 {
		s += "\n\ntakes: `" + strings.Join(params, "`, `") + "`"
	}
	if outputs := p.names("outputs"); len(outputs) > 0 {
		s += "\n\ngives: `" + strings.Join(outputs, "`, `") + "`"
	}
	return s
}

// hoverExpr is about the name in an expression that an offset touches, else about all of it.
func (p *project) hoverExpr(x stretch, off int, stage string, when bool) (text string, from, to int) {
	sc := scan(x.source)
	for _, u := range append(sc.uses, use{parts: sc.chain}) {
		for i, part := range u.parts {
			if off < x.from+part.from || off > x.from+part.to {
				continue
			}
			first := u.parts[0].from
			source := x.source[first:part.to]
			if strings.HasPrefix(x.source[part.to:], "']") || strings.HasPrefix(x.source[part.to:], `"]`) {
				source = x.source[first : part.to+2]
			}
			text = p.nameDoc(u, i, stage)
			if !u.call {
				text = strings.TrimSpace(text + p.valueDoc(source, stage, when))
			}
			return text, x.from + part.from, x.from + part.to
		}
	}
	return strings.TrimSpace(p.valueDoc(x.source, stage, when)), x.from, x.to
}

// nameDoc is what the first i+1 names of a use stand for.
func (p *project) nameDoc(u use, i int, stage string) string {
	names := u.names()[:i+1]
	if u.call {
		f, ok := signatures()[names[0]]
		if !ok {
			return ""
		}
		return "`" + f.call + "`\n\n" + f.doc
	}
	root := names[0]
	if len(names) == 1 {
		if p.isStage(root) {
			return p.stageDoc(root)
		}
		if slices.Contains(ast.Reserved(), root) {
			return "**" + root + "**\n\n" + rootDocs()[root]
		}
		return ""
	}
	switch root {
	case "params":
		if len(names) == 2 && len(p.all("params", names[1])) > 0 {
			return p.paramDoc(names[1])
		}
		return ""
	case "matrix":
		return p.axisDoc(stage, names[1])
	case "parallel":
		if f := lookup(layoutFields(), names[1:]); f != nil {
			return fieldDoc(f)
		}
		return ""
	case "env":
		return "environment variable **" + names[1] + "**"
	case "secret":
		return "secret **" + names[1] + "**" + p.secretFrom(names[1])
	}
	if strings.Contains(names[1], "=") && len(names) == 2 {
		return "instance **" + names[1] + "** of " + p.stageDoc(root)
	}
	if text := p.numberDoc(names); text != "" {
		return text
	}
	if port, ok := p.port(names); ok && p.isStage(root) {
		return p.portDoc(root, port)
	}
	return ""
}

// secretFrom says where the workspace file has a secret from.
func (p *project) secretFrom(name string) string {
	if f := p.workspace(); f != nil {
		if n := f.outline().Follow("secrets", name); n != nil {
			return " from `" + showValue(plainValue(n)) + "` of " + workspace.Name
		}
	}
	return " from the environment variable of its name"
}

// valueDoc is an expression's type and, where it is known without running anything, its value. when says that it stands in a `when`.
func (p *project) valueDoc(source, stage string, when bool) string {
	view := p.s.view(p.files[0])
	if view == nil {
		return ""
	}
	v, ok := view.Eval(stage, source, when)
	if !ok || v.Type == "a map" || strings.HasPrefix(v.Type, "map[") {
		return ""
	}
	if v.Type == "any value" && !v.Known {
		return ""
	}
	s := "\n\ntype: " + v.Type
	if !v.Known {
		return s
	}
	var shown []string
	same := !slices.ContainsFunc(v.Cells, func(c compile.CellValue) bool { return cellValue(c) != cellValue(v.Cells[0]) })
	for _, c := range v.Cells {
		if _, isRef := c.Value.(expr.Ref); isRef && c.Cell == "" {
			return s // the port says it all
		}
		text := cellValue(c)
		if c.Cell != "" && !same {
			text += " for " + c.Cell
		}
		if !slices.Contains(shown, text) {
			shown = append(shown, text)
		}
	}
	if len(shown) > maxShown {
		shown = append(shown[:maxShown], "...")
	}
	return s + "\n\nvalue: " + strings.Join(shown, ", ")
}

func cellValue(c compile.CellValue) string { return "`" + showValue(c.Value) + "`" }
