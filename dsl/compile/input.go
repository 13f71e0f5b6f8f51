package compile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/param"
)

// inputs turns the values of input fields into engine.Output and engine.Source, and checks kinds and files.
type inputs struct {
	b   *builder
	s   *stage
	in  *instance
	off *string // set when an artifact comes from an instance that is off

	absent diag.List // mistakes about sources, which only matter to instances that are on
}

// value walks a field's value; node is what it was written as, nil when unknown. ok is false when a mistake
// was reported. Values of other fields stay as they are, for Normalize to judge.
func (w *inputs) value(f *param.Field, path string, v any, node *ast.Node) (out any, ok bool) {
	switch f.Type {
	case param.Input:
		return w.one(f, path, v, node)
	case param.Inputs:
		return w.list(f, path, v, node)
	case param.InputMap:
		m, isMap := v.(map[string]any)
		if !isMap {
			return v, true
		}
		out, all := make(map[string]any, len(m)), true
		for _, k := range sortedKeys(m) {
			item, ok := w.one(f, path+"."+k, m[k], w.below(node, k))
			out[k] = item
			all = all && ok
		}
		return out, all
	case param.Object:
		m, isMap := v.(map[string]any)
		if !isMap {
			return v, true
		}
		out, all := make(map[string]any, len(m)), true
		for _, k := range sortedKeys(m) {
			out[k] = m[k]
			if inner := topField(param.Schema{Fields: f.Fields}, k); inner != nil {
				item, ok := w.value(inner, path+"."+k, m[k], w.below(node, k))
				out[k] = item
				all = all && ok
			}
		}
		return out, all
	case param.List:
		items, isList := v.([]any)
		if !isList || f.Elem.Type != param.Object {
			break
		}
		out, all := make([]any, len(items)), true
		for i, item := range items {
			x, ok := w.value(f.Elem, key.Index(path, i), item, w.below(node, strconv.Itoa(i)))
			out[i] = x
			all = all && ok
		}
		return out, all
	}
	if ref, found := findRef(v); found {
		w.errorf(node, "", "%s takes no artifact, have %s", path, words(ref))
		return nil, false
	}
	return v, true
}

// findRef looks for an artifact where none belongs.
func findRef(v any) (any, bool) {
	switch x := v.(type) {
	case expr.Ref:
		return x, true
	case []any:
		for _, item := range x {
			if r, ok := findRef(item); ok {
				return r, true
			}
		}
	case map[string]any:
		for _, k := range sortedKeys(x) { // the same one every time
			if r, ok := findRef(x[k]); ok {
				return r, true
			}
		}
	}
	return nil, false
}

// below is the node of a key or item, seen through expressions; nil when there is none.
func (w *inputs) below(node *ast.Node, key string) *ast.Node {
	if node == nil {
		return nil
	}
	from, _ := w.b.source(w.in.cell, node)
	at, _, rest := from.Follow([]string{key})
	if len(rest) > 0 {
		return node
	}
	return at
}

func (w *inputs) span(node *ast.Node) pos.Span {
	if node == nil {
		return w.s.NameAt
	}
	return node.Span
}

func (w *inputs) errorf(node *ast.Node, hint, format string, args ...any) {
	d := diag.Diagnostic{Summary: fmt.Sprintf(format, args...), Hint: hint, Subject: w.span(node)}
	if node != nil {
		from, _ := w.b.source(w.in.cell, node)
		d = noteFrom(d, from, d.Subject)
	}
	w.b.diags.Add(d)
}

func (w *inputs) list(f *param.Field, path string, v any, node *ast.Node) (any, bool) {
	items, isList := v.([]any)
	if v == nil {
		return nil, true
	}
	if !isList {
		items = []any{v}
	}
	out, all := []any{}, true
	for i, item := range items {
		at := node
		if isList {
			at = w.below(node, strconv.Itoa(i))
		}
		if more, nested := item.([]any); nested { // a fan-in written as an item
			for _, m := range more {
				x, ok := w.one(f, path, m, at)
				out, all = append(out, x), all && ok
			}
			continue
		}
		if text, isText := item.(string); isText {
			if found, is := w.pattern(path, text, at); is {
				out = append(out, found...)
				continue
			}
		}
		x, ok := w.one(f, path, item, at)
		out, all = append(out, x), all && ok
	}
	return out, all
}

// one is a single artifact or path.
func (w *inputs) one(f *param.Field, path string, v any, node *ast.Node) (any, bool) {
	switch x := v.(type) {
	case expr.Ref:
		return w.artifact(f, path, expr.TargetOf(x), node)
	case string:
		if x == "" {
			w.ifOn(node, "", "%s wants an artifact or a path, have an empty text", path)
			return engine.Source{}, true
		}
		return w.path(path, x, node)
	case []any:
		var names []string
		for _, item := range x {
			if r, ok := item.(expr.Ref); ok {
				names = append(names, expr.TargetOf(r).ID+"."+expr.TargetOf(r).Port)
			}
		}
		if len(names) == 0 {
			w.errorf(node, f.Doc, "%s takes one artifact, have a list of %d", path, len(x))
			return nil, false
		}
		t := w.b.stageOf(x)
		hint := f.Doc
		if t != nil && t.matrixed {
			hint = fmt.Sprintf("name one: ${%s['%s'].PORT}, or carry the cells along: matrix: \"${%s.matrix}\"", t.Name, t.cells[0].key(), t.Name)
			hint = strings.Replace(hint, "PORT", expr.TargetOf(x[0].(expr.Ref)).Port, 1)
		}
		if len(names) > 4 {
			names = append(names[:4], "...")
		}
		w.errorf(node, hint, "%s takes one artifact, have a list of %d: %s", path, len(x), strings.Join(names, ", "))
		return nil, false
	case nil:
		return nil, true
	}
	w.errorf(node, "", "%s wants an artifact or a path, have %s", path, words(v))
	return nil, false
}

// stageOf is the stage of a list's first artifact.
func (b *builder) stageOf(list []any) *stage {
	r, ok := list[0].(expr.Ref)
	if !ok {
		return nil
	}
	name := b.graph.Nodes[expr.TargetOf(r).Node].Name
	if b.use != nil {
		var ours bool
		if name, ours = strings.CutPrefix(name, b.use.name+"/"); !ours {
			return nil
		}
	}
	name, _, _ = strings.Cut(name, "/")
	return b.byName[name]
}

func (w *inputs) artifact(f *param.Field, path string, t expr.Target, node *ast.Node) (any, bool) {
	if off := w.b.graph.Nodes[t.Node].Off; off != "" && *w.off == "" {
		*w.off = engine.ReadsOff(t.ID, off)
	}
	if len(f.Kinds) > 0 && !slices.ContainsFunc(f.Kinds, func(want artifact.Kind) bool { return artifact.Accepts(want, t.Kind) }) {
		var kinds []string
		for _, k := range f.Kinds {
			kinds = append(kinds, string(k))
		}
		w.errorf(node, w.b.makers(t.Kind, f.Kinds), "%s.%s wants %s, but %s.%s is %s", w.s.Name, path, strings.Join(kinds, " or "), t.ID, t.Port, t.Kind)
		return nil, false
	}
	w.b.reads++
	return engine.Output{Node: t.Node, Port: t.Port, Sub: t.Sub, Cell: t.Listed}, true
}

// makers is a hint: stage kinds that take an artifact of one kind and make one of the wanted kinds.
func (b *builder) makers(have artifact.Kind, want []artifact.Kind) string {
	var names []string
	for _, name := range b.kindNames {
		k := b.registry[name]
		takes := slices.ContainsFunc(k.schema.Fields, func(f param.Field) bool {
			return f.Type.IsInput() && slices.Contains(f.Kinds, have)
		})
		makes := slices.ContainsFunc(k.spec.Outputs, func(p artifact.Port) bool { return slices.Contains(want, p.Kind) })
		if takes && makes {
			names = append(names, name)
		}
	}
	if len(names) == 0 || len(names) > 3 {
		return ""
	}
	return "a stage that uses " + strings.Join(names, " or ") + " goes between them"
}

// path makes a source. It is relative to the file it was written in, or to the working directory when it came
// from the command line.
func (w *inputs) path(path, text string, node *ast.Node) (any, bool) {
	if strings.HasPrefix(text, "hf://") {
		w.errorf(node, "download it in a stage that uses hf-download, and read that stage's port", "%s: %s is on a hub, and inputs are local", path, text)
		return nil, false
	}
	dir, as, hint := w.place(text, node)
	abs := beside(dir, text)
	if !w.b.there(abs) {
		if isPattern(text) {
			hint = "patterns are for parameters that take a list of files"
		}
		w.ifOn(node, hint, "%s: no such file or folder: %s", path, as)
	}
	return engine.Source{Path: abs, As: as}, true
}

// beside is a path seen from a folder.
func beside(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// place is the folder that a path is relative to, how it was written, and what to say when nothing is there.
func (w *inputs) place(text string, node *ast.Node) (dir, as, hint string) {
	dir, as = w.b.opt.Dir, text
	inline := false
	if node != nil {
		from, _ := w.b.source(w.in.cell, node)
		if f := from.File(); f != nil {
			dir, inline = f.Dir, f.Inline
		}
		if from.Kind == ast.Text && (w.b.literal || !expr.Holds(from.Text)) {
			as = from.Text
		}
	}
	switch {
	case inline:
		hint = "paths on the command line are relative to the working directory"
	case !filepath.IsAbs(as):
		hint = "paths in a recipe are relative to it"
	}
	return dir, as, hint
}

// ifOn reports a mistake that only matters to an instance that is on.
func (w *inputs) ifOn(node *ast.Node, hint, format string, args ...any) {
	before := len(w.b.diags)
	w.errorf(node, hint, format, args...)
	w.absent = append(w.absent, w.b.diags[before:]...)
	w.b.diags = w.b.diags[:before]
}

func (b *builder) there(path string) bool {
	ok, known := b.exists[path]
	if !known {
		if b.opt.Exists != nil {
			ok = b.opt.Exists(path)
		} else {
			_, err := os.Stat(path)
			ok = err == nil
		}
		b.exists[path] = ok
	}
	return ok
}
