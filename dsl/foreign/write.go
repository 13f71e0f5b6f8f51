package foreign

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine/param"
)

const wide = 118 // columns of a comment

// write is the recipe's text.
func (b *builder) write() []byte {
	var w strings.Builder
	para(&w, "# ", "# ", "Imported by belay from "+strings.Join(b.Files, ", ")+".")
	leftovers(&w, "# ", "Not taken over, besides what stands at the stages:", b.left, nil)
	w.WriteString("belay: 1\n")
	fmt.Fprintf(&w, "name: %s\n", text(b.Name))
	if len(b.params) > 0 {
		w.WriteString("\nparams:\n")
		for _, p := range slices.Concat(required(b.params, true), required(b.params, false)) {
			fmt.Fprintf(&w, "  %s: {type: %s", p.name, p.typ)
			if p.def != nil {
				fmt.Fprintf(&w, ", default: %s", flow(p.def))
			}
			fmt.Fprintf(&w, ", doc: %s}\n", quote(comment(p.doc)))
		}
	}
	w.WriteString("\nstages:\n")
	for i, s := range b.stages {
		if i > 0 {
			w.WriteByte('\n')
		}
		b.stage(&w, s)
	}
	b.outputs(&w)
	return []byte(w.String())
}

// required are the parameters with or without a default.
func required(all []*parameter, without bool) []*parameter {
	var out []*parameter
	for _, p := range all {
		if (p.def == nil) == without {
			out = append(out, p)
		}
	}
	return out
}

func (b *builder) stage(w *strings.Builder, s *stage) {
	para(w, "  # ", "  # ", s.At.String()+" "+s.Title)
	leftovers(w, "  # ", "Not taken over:", s.Left, s.At.Start.File)
	fmt.Fprintf(w, "  %s:\n    uses: %s\n", s.name, s.Kind)
	if len(s.with) == 0 {
		return
	}
	w.WriteString("    with:\n")
	b.fields(w, s, "      ", "", s.schema.Fields, s.with)
}

// fields writes values in the order of the schema.
func (b *builder) fields(w *strings.Builder, s *stage, indent, path string, fields []param.Field, with map[string]any) {
	for i := range fields {
		f := &fields[i]
		v, ok := with[f.Name]
		if !ok {
			continue
		}
		if inner, isMap := v.(map[string]any); isMap && f.Type == param.Object {
			fmt.Fprintf(w, "%s%s:\n", indent, f.Name)
			b.fields(w, s, indent+"  ", path+f.Name+".", f.Fields, inner)
			continue
		}
		if items, isList := v.([]any); isList && f.Type == param.List && f.Elem.Type == param.Object {
			fmt.Fprintf(w, "%s%s:\n", indent, f.Name)
			for _, item := range items {
				fmt.Fprintf(w, "%s  - %s\n", indent, flow(item))
			}
			continue
		}
		fmt.Fprintf(w, "%s%s: %s", indent, f.Name, flow(v))
		if note := comment(s.notes[path+f.Name]); note != "" {
			w.WriteString(" # " + note)
		}
		w.WriteByte('\n')
	}
}

// leftovers writes what was not taken over, by reason in the order of the source.
func leftovers(w *strings.Builder, lead, head string, left []Left, of *pos.File) {
	if len(left) == 0 {
		return
	}
	para(w, lead, lead, head)
	for _, g := range Grouped(left, of) {
		para(w, lead+"- ", lead+"  ", g.Why+": "+strings.Join(g.Items, ", "))
	}
}

// Group is what was left for one reason.
type Group struct {
	Why   string
	Items []string // "--name value (file:line:col)"
}

// Grouped puts together what was left for the same reason, in the order of the first of each. Places in the file of are
// written without its name.
func Grouped(left []Left, of *pos.File) []Group {
	var groups []Group
	index := map[string]int{}
	for _, l := range left {
		item := comment(l.Name)
		if v := comment(l.Value); v != "" {
			item += " " + short(v)
		}
		switch at := l.At.Start; {
		case !at.Known():
		case at.File == of:
			item += fmt.Sprintf(" (%d:%d)", at.Line, at.Col)
		default:
			item += " (" + at.String() + ")"
		}
		i, ok := index[l.Why]
		if !ok {
			i = len(groups)
			index[l.Why], groups = i, append(groups, Group{Why: l.Why})
		}
		groups[i].Items = append(groups[i].Items, item)
	}
	return groups
}

// short cuts a text from outside to what a line has room for.
func short(s string) string {
	const most = 240 // a long path whole
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}

// para writes a comment, broken at spaces: lead stands before the first line, more before the others.
func para(w *strings.Builder, lead, more, s string) {
	line := lead
	empty := true
	for _, word := range strings.Fields(comment(s)) {
		if !empty && len(line)+1+len(word) > wide {
			w.WriteString(line + "\n")
			line, empty = more, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	w.WriteString(line + "\n")
}

// outputs names what no stage reads further, and the weights that a person will look for.
func (b *builder) outputs(w *strings.Builder) {
	head := false
	for _, s := range b.stages {
		if b.isRead(s) && !s.Keep {
			continue
		}
		ports := s.ports()
		if len(ports) == 0 {
			continue
		}
		if !head {
			w.WriteString("\noutputs:\n")
			head = true
		}
		fmt.Fprintf(w, "  %s: %s\n", s.name, quote("${"+s.name+"."+ports[0].Name+"}"))
	}
}
