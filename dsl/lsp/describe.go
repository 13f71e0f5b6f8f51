package lsp

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/param"
)

// maxShown is how many values or names a text lists.
const maxShown = 12

// typeWords is a field's type with its bounds: "an integer from 1 to 65536".
func typeWords(f *param.Field) string {
	s := f.Type.String()
	switch {
	case len(f.Enum) > 0:
		return "one of " + strings.Join(f.Enum, ", ")
	case slices.Contains(f.Kinds, pathOnly):
		s = "a path"
	case f.Type.IsInput() && len(f.Kinds) > 0:
		s += ": " + kindWords(f.Kinds)
	case f.Type == param.List && f.Elem != nil && len(f.Elem.Enum) > 0:
		return "a list of " + strings.Join(f.Elem.Enum, ", ")
	case (f.Type == param.List || f.Type == param.Map) && f.Elem != nil && f.Elem.Type != param.Any:
		s += " of " + map[param.Type]string{param.String: "texts", param.Int: "integers", param.Float: "numbers", param.Bool: "booleans"}[f.Elem.Type]
		s = strings.TrimSuffix(s, " of ")
	}
	return s + bounds(f)
}

func bounds(f *param.Field) string {
	number := func(x float64) string { s, _ := expr.Format(x); return s }
	switch {
	case f.Min != nil && f.Max != nil:
		return fmt.Sprintf(" from %s to %s", number(*f.Min), number(*f.Max))
	case f.Min != nil:
		return fmt.Sprintf(" of %s or more", number(*f.Min))
	case f.Max != nil:
		return fmt.Sprintf(" of %s or less", number(*f.Max))
	}
	return ""
}

func kindWords(kinds []artifact.Kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	return strings.Join(names, " or ")
}

// showValue is a plain value on one line; "" for nothing and for empty values.
func showValue(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case []any:
		if len(x) == 0 {
			return ""
		}
	case map[string]any:
		if len(x) == 0 {
			return ""
		}
	case expr.Ref:
		t := expr.TargetOf(x)
		return strings.TrimSuffix(t.ID+"."+t.Port+"/"+t.Sub, "/")
	default:
		if s, ok := expr.Format(v); ok {
			return cut(s)
		}
	}
	b, err := json.Marshal(plainRefs(v))
	if err != nil {
		return ""
	}
	return cut(string(b))
}

// plainRefs puts names in the place of artifacts, which have no other form.
func plainRefs(v any) any {
	switch x := v.(type) {
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = plainRefs(x[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(x))
		for k := range x {
			out[k] = plainRefs(x[k])
		}
		return out
	case expr.Ref:
		return showValue(x)
	}
	return v
}

func cut(s string) string {
	s = strings.ReplaceAll(s, "\n", " ")
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "..."
	}
	return s
}

// fieldDoc describes a parameter of a stage.
func fieldDoc(f *param.Field) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**: %s", f.Name, typeWords(f))
	if f.Required {
		b.WriteString(", required")
	} else if d := showValue(f.Default); d != "" && f.Class != param.Secret && f.Type != param.Object {
		fmt.Fprintf(&b, ", default `%s`", d)
	}
	if f.Doc != "" {
		b.WriteString("\n\n" + f.Doc)
	}
	if len(f.Aliases) > 0 {
		b.WriteString("\n\nalso `" + strings.Join(f.Aliases, "`, `") + "`")
	}
	if f.Type == param.Object {
		var names []string
		for _, in := range f.Fields {
			names = append(names, in.Name)
		}
		b.WriteString("\n\n`{" + strings.Join(names, ", ") + "}`")
	}
	switch f.Class {
	case param.Unkeyed:
		b.WriteString("\n\nNot in the cache key: a change reruns nothing.")
	case param.Secret:
		b.WriteString("\n\nSecret: it is never written anywhere.")
	}
	return b.String()
}

// kindDoc describes a stage kind.
func kindDoc(k *kind) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**", k.spec.Name)
	if k.spec.Doc != "" {
		b.WriteString("\n\n" + k.spec.Doc)
	}
	var must []string
	for _, f := range k.schema.Fields {
		if f.Required {
			must = append(must, "`"+f.Name+"`")
		}
	}
	if len(must) > 0 {
		b.WriteString("\n\nmust be given: " + strings.Join(must, ", "))
	}
	if ports := portList(k.spec.Outputs); ports != "" {
		b.WriteString("\n\ngives: " + ports)
	}
	return b.String()
}

func portList(ports []artifact.Port) string {
	var out []string
	for _, p := range ports {
		s := "`" + p.Name + "`"
		if p.Kind != artifact.Unspecified {
			s += " (" + string(p.Kind) + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// stageDoc describes a stage of the recipe.
func (p *project) stageDoc(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "stage **%s**", name)
	if uses := p.word("stages", name, "uses"); uses != "" {
		fmt.Fprintf(&b, " uses `%s`", uses)
	}
	if doc := p.word("stages", name, "doc"); doc != "" {
		b.WriteString("\n\n" + doc)
	} else if k := p.kind(name); k != nil && k.spec.Doc != "" {
		b.WriteString("\n\n" + k.spec.Doc)
	}
	if ports := portList(p.ports(name)); ports != "" {
		b.WriteString("\n\ngives: " + ports)
	}
	if _, axes := p.axes(name); len(axes) > 0 {
		b.WriteString("\n\nmatrix over `" + strings.Join(axes, "`, `") + "`")
	}
	b.WriteString(p.wherefrom(p.all("stages", name)))
	return b.String()
}

// wherefrom names the extended files that something stands in.
func (p *project) wherefrom(all []found) string {
	var names []string
	for _, f := range all {
		if f.source != p.files[0] {
			names = append(names, "`"+p.name(f.source)+"`")
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "\n\nfrom " + strings.Join(names, ", ")
}

// name is how messages call a file: as seen from the recipe's folder.
func (p *project) name(f *source) string {
	if rel, err := filepath.Rel(filepath.Dir(p.files[0].path), f.path); err == nil {
		return filepath.ToSlash(rel)
	}
	return f.uri
}

// paramDoc describes a parameter of the recipe and the value it has when the caller gives none.
func (p *project) paramDoc(name string) string {
	f := p.param(name)
	var b strings.Builder
	fmt.Fprintf(&b, "parameter **%s**: %s", name, typeWords(&f))
	if f.Required {
		fmt.Fprintf(&b, ", required: `-p %s=...`", name)
	} else if v := showValue(f.Default); v != "" {
		fmt.Fprintf(&b, ", `%s`", v)
	}
	if f.Doc != "" {
		b.WriteString("\n\n" + f.Doc)
	}
	all := p.all("params", name)
	for i, d := range all {
		v := d.Value
		if q := v.Find("default"); q != nil {
			v = q.Value
		}
		if shown := showValue(plainValue(v)); i > 0 && shown != "" && v.Find("type") == nil {
			fmt.Fprintf(&b, "\n\n`%s` in `%s`", shown, p.name(d.source))
		}
	}
	return b.String()
}

// axisDoc describes an axis of a stage's matrix.
func (p *project) axisDoc(stage, axis string) string {
	owner, _ := p.axes(stage)
	s := fmt.Sprintf("axis **%s** of stage %s", axis, owner)
	if values := showValue(plainValue(p.axis(owner, axis))); values != "" {
		s += ": `" + values + "`"
	}
	return s
}

// portDoc describes a port.
func (p *project) portDoc(stage string, port artifact.Port) string {
	s := fmt.Sprintf("port **%s** of stage %s", port.Name, stage)
	if uses := p.word("stages", stage, "uses"); uses != "" {
		s += " (`" + uses + "`)"
	}
	if port.Kind != artifact.Unspecified {
		s += ": " + string(port.Kind)
	}
	if _, axes := p.axes(stage); len(axes) > 0 {
		s += "\n\none for each cell of the matrix over `" + strings.Join(axes, "`, `") + "`"
	}
	return s
}

// lookup finds the field at a path below the fields, through aliases.
func lookup(fields []param.Field, path []string) *param.Field {
	var at *param.Field
	for _, key := range path {
		if at != nil {
			switch at.Type {
			case param.Object:
				fields = at.Fields
			case param.List, param.Map:
				if at = at.Elem; at == nil {
					return nil
				}
				continue
			case param.Inputs, param.InputMap:
				one := *at
				one.Type = param.Input
				at = &one
				continue
			default:
				return nil
			}
		}
		key = strings.TrimSuffix(key, "+")
		i := slices.IndexFunc(fields, func(f param.Field) bool { return f.Name == key || slices.Contains(f.Aliases, key) })
		if i < 0 {
			return nil
		}
		at = &fields[i]
	}
	return at
}
