package outline_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/lsp/internal/outline"
	"github.com/belay-ml/belay/dsl/pos"
)

// at marks the cursor.
const at = "|"

// TestWhereTheCursorIs has documents as they are while somebody types, and what the cursor is in.
func TestWhereTheCursorIs(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, text, want string }{
		{"an empty file", "|", "key  at "},
		{"a key at the top", "belay: 1\nst|\n", "key st at "},
		{"a key between others", "belay: 1\nst|\nname: x\n", "key st at "},
		{"a value", "a:\n  b: c|\n", "value c at a.b"},
		{"an empty value", "a:\n  b: |\n  c: d\n", "value  at a.b"},
		{"a value at the end of the file", "a:\n  b: |", "value  at a.b"},
		{"a key on an indented line", "a:\n  b:\n    c: 1\n    |\n  d: 2\n", "key  at a.b"},
		{"a first key below", "a:\n  b:\n    |\n  d: 2\n", "value? at a.b"},
		{"a word below a key without a colon", "a:\n  b\n    c: 1\n    |\n", "key  at a.b"},
		{"a line that is indented less", "a:\n  b:\n    c: 1\n  |\n", "key  at a"},
		{"a key in braces", "a: {b: 1, |}\n", "key  at a"},
		{"a value in braces", "a: {b: |}\n", "value  at a.b"},
		{"a value in braces that are open", "a: {b: {c: x|\nd: 1\n", "value x at a.b.c"},
		{"what follows open braces", "a: {b: {c: x\nd: y|\n", "value y at d"},
		{"an item in brackets", "a: [b, |]\n", "value  at a.*"},
		{"an item in open brackets", "a: [b, c|\n", "value c at a.*"},
		{"an item of a list", "a:\n  - b\n  - |\n", "value  at a.*"},
		{"an item below its key", "a:\n- b\n- c|\nd: 1\n", "value c at a.*"},
		{"a key behind a list below its key", "a:\n- b\nc|: 1\n", "key c at "},
		{"a map in a list", "a:\n  - b: 1\n    c|: 2\n", "key c at a.*"},
		{"an item whose dash is missing", "a:\n  - b\n  c|\n", "value? c at a.*"},
		{"an open quote", "a:\n  b: \"${c.|\n  d: 1\n", "value ${c. at a.b"},
		{"what follows an open quote", "a:\n  b: \"${c.\n  d: x|\n", "value x at a.d"},
		{"a quote in braces", "a: {b: \"x|\", c: 1}\n", "value x at a.b"},
		{"an expression without quotes in braces", "a: {b: ${c.|}, d: 1}\n", "value ${c.} at a.b"},
		{"a literal block", "a: |\n  x\n  y\u2038\nb: 1", "value |\n  x\n  y at a"},
		{"a comment", "a: 1 # b|\n", "nowhere"},
		{"a key without a colon above a map", "a:\n  b: 1\n  c|\n    d: 1\n", "key c at a"},
		{"a value above a map", "a:\n  b: c|\n    d: 1\n", "nowhere"},
		{"an anchor before it", "a: &x b|\n", "value b at a"},
		{"tabs", "a:\n\tb: c|\n", "value c at a.b"},
		{"windows line ends", "a:\r\n  b: c|\r\n  d: 1\r\n", "value c at a.b"},
		{"a key in quotes", "a:\n  \"b c\": d|\n", "value d at a.b c"},
		{"a closing bracket at the left", "a: [\n  b,\n]\nc: d|\n", "value d at c"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			mark := at
			if strings.Contains(c.text, "\u2038") {
				mark = "\u2038"
			}
			before, after, _ := strings.Cut(c.text, mark)
			if got := describe(before, after); got != c.want {
				t.Errorf("want %q, have %q", c.want, got)
			}
		})
	}
}

// describe finds the cursor the way completion does: by a sign that stands there while the text is read.
func describe(before, after string) string {
	p := outline.Locate(outline.Parse(before+"\ue000"+after), len(before))
	if p == nil {
		return "nowhere"
	}
	word := func(s string) string { return strings.ReplaceAll(s, "\ue000", "") }
	path := strings.Join(p.Keys(), ".")
	switch {
	case p.Pair != nil:
		return "key " + word(p.Pair.Key) + " at " + path
	case p.Value.Bare && path == "":
		return "key " + word(p.Value.Text) + " at "
	case p.Value.Bare:
		return strings.Join(append([]string{"value?"}, strings.Fields(word(p.Value.Text)+" at "+path)...), " ")
	case p.Value.Style == outline.Block:
		return "value |\n" + word(p.Value.Text) + " at " + path
	}
	return "value " + word(p.Value.Text) + " at " + path
}

// TestOutlineAgreesWithYAML takes every recipe that the real parser accepts.
func TestOutlineAgreesWithYAML(t *testing.T) {
	t.Parallel()
	seen := 0
	check := func(name, text string) {
		n, l := ast.Parse(pos.NewFile(name, name, "/", text))
		if n == nil || l.HasErrors() || strings.ContainsAny(text, "&*") || n.Kind != ast.Map {
			return
		}
		seen++
		var want, got []string
		dumpAST(&want, n, "")
		dumpOutline(&got, outline.Parse(text), "")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for _, pattern := range []string{"../../../compile/testdata/*/*.txtar", "../../testdata/*/*.txtar", "../../../../testdata/script/*.txtar"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range ar.Files {
				if strings.HasSuffix(f.Name, ".yaml") {
					check(file+"/"+f.Name, string(f.Data))
				}
			}
		}
	}
	files, _ := filepath.Glob("../../../../recipes/*/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		check(file, string(text))
	}
	if seen < 30 {
		t.Errorf("only %d recipes were compared", seen)
	}
}

func dumpAST(out *[]string, n *ast.Node, path string) {
	f := n.File()
	off := func(p pos.Pos) int { return f.Offset(p.Line, p.Col) }
	switch n.Kind {
	case ast.Map:
		*out = append(*out, path+" map")
		for _, p := range n.Pairs {
			*out = append(*out, fmt.Sprintf("%s key %s %d-%d", path, p.Key.Text, off(p.Key.Span.Start), off(p.Key.Span.End)))
			if p.Value.Kind == ast.Null && p.Value.Text == "" {
				*out = append(*out, path+"."+p.Key.Text+" empty")
				continue
			}
			dumpAST(out, p.Value, path+"."+p.Key.Text)
		}
	case ast.List:
		*out = append(*out, path+" list")
		for i, item := range n.Items {
			dumpAST(out, item, fmt.Sprintf("%s.%d", path, i))
		}
	default:
		if n.Style == ast.Literal || n.Style == ast.Folded {
			*out = append(*out, fmt.Sprintf("%s block %d", path, off(n.Span.Start)))
			return
		}
		*out = append(*out, fmt.Sprintf("%s scalar %d-%d", path, off(n.Span.Start), off(n.Span.End)))
	}
}

func dumpOutline(out *[]string, n *outline.Node, path string) {
	switch n.Kind {
	case outline.Map:
		*out = append(*out, path+" map")
		for _, p := range n.Pairs {
			*out = append(*out, fmt.Sprintf("%s key %s %d-%d", path, p.Key, p.From, p.To))
			dumpOutline(out, p.Value, path+"."+p.Key)
		}
	case outline.List:
		*out = append(*out, path+" list")
		for i, item := range n.Items {
			dumpOutline(out, item, fmt.Sprintf("%s.%d", path, i))
		}
	case outline.Empty:
		*out = append(*out, path+" empty")
	default:
		if n.Style == outline.Block {
			*out = append(*out, fmt.Sprintf("%s block %d", path, n.From))
			return
		}
		*out = append(*out, fmt.Sprintf("%s scalar %d-%d", path, n.From, n.To))
	}
}

// FuzzOutline holds that no text panics, that every offset lies inside, and that an inner node lies inside an outer one.
func FuzzOutline(f *testing.F) {
	for _, seed := range []string{"a: {b: [c, \"d\n e: 1", "- - a: 1\n    b\n  c", "a: |\n x\n\n", "a:\n- b\nc: 'x''y", "{a: 1}\nb: 2", "? x\n: y", "a: &x !t\n  b: 1", "---\na: 1\n...\n", "[[[[{{{{", "a: {\n}\n]", "a: ${b\n", "[a: 1, : 2]", "\ufeffa: b", "a: \"x\n\n  y\"\r\nb:\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var visit func(n *outline.Node, depth int)
		inside := func(from, to int) {
			if from < 0 || to < from || to > len(text) {
				t.Fatalf("%d-%d of %d bytes", from, to, len(text))
			}
		}
		visit = func(n *outline.Node, depth int) {
			if depth > 500 {
				t.Fatal("nested deeper than it is read")
			}
			inside(n.From, n.To)
			if n.Kind == outline.Scalar {
				inside(n.Inner, n.Inner+len(n.Text))
				if text[n.Inner:n.Inner+len(n.Text)] != n.Text {
					t.Fatalf("the text of a scalar stands elsewhere: %q", n.Text)
				}
			}
			for _, p := range n.Pairs {
				inside(p.From, p.To)
				if p.Colon >= len(text) || p.From < n.From || p.Value.To > n.To || p.To > n.To {
					t.Fatalf("a pair %d-%d outside its map %d-%d", p.From, p.Value.To, n.From, n.To)
				}
				visit(p.Value, depth+1)
			}
			for _, item := range n.Items {
				if item.From < n.From || item.To > n.To {
					t.Fatalf("an item %d-%d outside its list %d-%d", item.From, item.To, n.From, n.To)
				}
				visit(item, depth+1)
			}
		}
		root := outline.Parse(text)
		visit(root, 0)
		for off := 0; off <= len(text); off += 1 + len(text)/50 {
			outline.Locate(root, off)
		}
	})
}
