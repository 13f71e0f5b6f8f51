package family

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// pos is a place in a family file.
type pos struct {
	path      string
	line, col int
}

func (p pos) String() string {
	if p.line == 0 {
		return p.path + ": "
	}
	return fmt.Sprintf("%s:%d:%d: ", p.path, p.line, p.col)
}

// parse reads the text of a family file; errors name its line and column.
func parse(path string, text []byte) (*Family, error) {
	var doc yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: file is empty", path)
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	root := &doc
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		root = doc.Content[0]
	}
	w := &walk{path: path}
	w.value(root, reflect.TypeFor[Family](), 0)
	if err := errors.Join(w.errs...); err != nil {
		return nil, err
	}
	var f Family
	if err := root.Decode(&f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.path, f.at = path, pos{path, root.Line, root.Column}
	if f.Name == "" {
		return nil, fmt.Errorf("%sno `family:` name", f.at)
	}
	for i := range f.Canonical {
		f.Canonical[i].at.path = path
	}
	for _, format := range []*Format{f.HF, f.Legacy, f.Mcore, f.GGUF} {
		if format == nil {
			continue
		}
		for i := range format.Rules {
			format.Rules[i].at.path = path
		}
	}
	return &f, nil
}

// UnmarshalYAML keeps the rule's place.
func (r *Rule) UnmarshalYAML(n *yaml.Node) error {
	type plain Rule
	r.at = pos{line: n.Line, col: n.Column}
	return n.Decode((*plain)(r))
}

// UnmarshalYAML keeps the tensor's place.
func (t *Tensor) UnmarshalYAML(n *yaml.Node) error {
	type plain Tensor
	t.at = pos{line: n.Line, col: n.Column}
	return n.Decode((*plain)(t))
}

// UnmarshalYAML takes one set of conditions or a list of them.
func (m *Matches) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return n.Decode((*[]Match)(m))
	}
	var one Match
	if err := n.Decode(&one); err != nil {
		return err
	}
	*m = Matches{one}
	return nil
}

// walk compares a document with the types that it fills, so that mistakes have a place.
type walk struct {
	path string
	errs []error
}

// maxErrors ends a hopeless document.
const maxErrors = 20

func (w *walk) fail(n *yaml.Node, format string, args ...any) {
	if len(w.errs) < maxErrors {
		w.errs = append(w.errs, fmt.Errorf("%s%s", pos{w.path, n.Line, n.Column}, fmt.Sprintf(format, args...)))
	}
}

func (w *walk) value(n *yaml.Node, t reflect.Type, depth int) {
	if n.Kind == yaml.AliasNode {
		w.fail(n, "aliases are not read in family files: write the value out")
		return
	}
	if depth > 16 {
		w.fail(n, "nested deeper than 16")
		return
	}
	if t == reflect.TypeFor[Matches]() && n.Kind == yaml.MappingNode {
		t = reflect.TypeFor[Match]()
	}
	switch t.Kind() {
	case reflect.Pointer:
		w.value(n, t.Elem(), depth)
	case reflect.Struct:
		w.object(n, t, depth)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			w.fail(n, "want a list")
			return
		}
		for _, item := range n.Content {
			w.value(item, t.Elem(), depth+1)
		}
	case reflect.Map:
		if n.Kind != yaml.MappingNode {
			w.fail(n, "want keys and values")
			return
		}
		seen := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if w.twice(seen, n.Content[i]) {
				continue
			}
			w.value(n.Content[i+1], t.Elem(), depth+1)
		}
	case reflect.Interface:
	default:
		w.scalar(n, t)
	}
}

func (w *walk) scalar(n *yaml.Node, t reflect.Type) {
	want := map[reflect.Kind]string{reflect.String: "text", reflect.Bool: "true or false", reflect.Int: "a whole number", reflect.Float64: "a number"}[t.Kind()]
	if n.Kind != yaml.ScalarNode || n.Decode(reflect.New(t).Interface()) != nil {
		w.fail(n, "want %s", want)
	}
}

func (w *walk) twice(seen map[string]bool, key *yaml.Node) bool {
	if seen[key.Value] {
		w.fail(key, "key %q twice", key.Value)
		return true
	}
	seen[key.Value] = true
	return false
}

// words checks the keys and values that are words of a list.
func (w *walk) words(field string, n *yaml.Node) {
	if n.Kind != yaml.MappingNode || field != "block" && field != "where" {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		switch {
		case field == "where" && !slices.Contains(fields[:], key.Value):
			w.fail(key, "unknown config field %q: known are %s", key.Value, strings.Join(fields[:], ", "))
		case field == "block" && !slices.Contains(blockFeatures, key.Value):
			w.fail(key, "unknown feature %q: known are %s", key.Value, strings.Join(blockFeatures, ", "))
		case field == "block" && val.Value != Always && val.Value != Maybe:
			w.fail(val, "%q is neither always nor maybe", val.Value)
		}
	}
}

func (w *walk) object(n *yaml.Node, t reflect.Type, depth int) {
	if n.Kind != yaml.MappingNode {
		w.fail(n, "want keys and values")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if w.twice(seen, key) {
			continue
		}
		var names []string
		found := false
		for k := range t.NumField() {
			name := t.Field(k).Tag.Get("yaml")
			if name == "" {
				continue
			}
			names = append(names, name)
			if name == key.Value {
				found = true
				w.value(val, t.Field(k).Type, depth+1)
				w.words(name, val)
			}
		}
		if !found {
			w.fail(key, "unknown key %q: known are %s", key.Value, strings.Join(names, ", "))
		}
	}
	for k := range t.NumField() {
		if name := t.Field(k).Tag.Get("yaml"); t.Field(k).Tag.Get("required") != "" && !seen[name] {
			w.fail(n, "no `%s:`", name)
		}
	}
}
