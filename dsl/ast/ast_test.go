package ast_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/pos"
)

func parse(t testing.TB, text string) (*ast.Node, string) {
	t.Helper()
	n, l := ast.Parse(pos.NewFile("r.yaml", "", "/", text))
	return n, l.Error()
}

func TestScalarsFollowYAML12Core(t *testing.T) {
	t.Parallel()
	cases := map[string]any{
		"yes": "yes", "no": "no", "on": "on", "off": "off", "y": "y", "True": true, "FALSE": false,
		"null": nil, "~": nil, "Null": nil, "''": "", `"null"`: "null", "'1'": "1",
		"2024-01-02": "2024-01-02", "2024-01-02T03:04:05Z": "2024-01-02T03:04:05Z", "12:30:45": "12:30:45",
		"0": int64(0), "-7": int64(-7), "+7": int64(7), "010": int64(10), "0o17": int64(15), "0x1F": int64(31), "1_000": "1_000", "0b11": "0b11", "-0x1": "-0x1",
		"9223372036854775807": int64(math.MaxInt64), "-9223372036854775808": int64(math.MinInt64),
		"1.5": 1.5, "1.": 1.0, ".5": 0.5, "1e3": 1000.0, "1E-5": 1e-5, "1.25e-6": 1.25e-6, "-.5": -0.5, ".": ".", "e3": "e3", "1e": "1e", "+": "+", "1.2.3": "1.2.3", ".e1": ".e1",
		"!!str 12": "12", "!!float 2": 2.0, "!!int 3": int64(3), "NaN": "NaN", "inf": "inf", "=": "=",
	}
	for text, want := range cases {
		n, errs := parse(t, "k: "+text)
		if errs != "" {
			t.Errorf("%s: %s", text, errs)
			continue
		}
		if diff := cmp.Diff(want, n.Find("k").Value.Value()); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestParseRefusesWithAPlace(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, text, want string }{
		{"UTF-16", "\xff\xfea\x00", "r.yaml:1:1: the file is UTF-16 text"},
		{"UTF-16 without a mark", "a\x00b\x00", "r.yaml:1:2: the file is UTF-16 or no text"},
		{"invalid UTF-8", "a: b\nc: é\xffd", "r.yaml:2:5: byte 0xff is not UTF-8"},
		{"a control character", "a: b\nc: \x01", "r.yaml:2:4: control character '\\x01' is not allowed"},
		{"a mark inside", "a: \ufeffb", "r.yaml:1:4: a byte order mark stands inside the file"},
		{"a tab", "a:\n\tb: 1", "r.yaml:2:1: a tab stands in the indentation"},
		{"a large integer", "a: 9223372036854775808", "r.yaml:1:4: the number 9223372036854775808 is outside the range of 64-bit integers"},
		{"a merge key", "a: &x {b: 1}\nc:\n  <<: *x", "r.yaml:3:3: merge keys are not part of the language"},
		{"a key that is a map", "{a: 1}: 2", "r.yaml:1:1: a key must be one word, not a map"},
		{"an anchor in itself", "a: &x [*x]", "r.yaml:1:8: the anchor \"x\" holds itself"},
		{"nesting", strings.Repeat("[", 70) + strings.Repeat("]", 70), "r.yaml:1:66: values are nested more than 64 deep"},
		{"too many values", strings.Repeat("- 1\n", 600_000), "r.yaml:1:1: the file has more than 500000 values"},
		{"an unknown anchor", "a: *b", "r.yaml:1:1: bad YAML: unknown anchor 'b' referenced"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, errs := parse(t, c.text); errs != c.want {
				t.Errorf("want %s\nhave %s", c.want, errs)
			}
		})
	}
}

func TestSpansCoverTheScalar(t *testing.T) {
	t.Parallel()
	text := "a: plain text # no\nb: 'it''s' \nc: \"x\\\"y\"\nd: [1, two]\ne: &n !!str 12\nf: *n\n文: 字\n"
	n, errs := parse(t, text)
	if errs != "" {
		t.Fatal(errs)
	}
	f := n.File()
	source := func(s pos.Span) string {
		return f.Text[f.Offset(s.Start.Line, s.Start.Col):f.Offset(s.End.Line, s.End.Col)]
	}
	want := map[string]string{"a": "plain text", "b": "'it''s'", "c": `"x\"y"`, "d": "[1, two", "e": "12", "f": "12", "文": "字"}
	got := map[string]string{}
	for _, p := range n.Pairs {
		got[p.Key.Text] = source(p.Value.Span)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMergeKeepsWhereValuesCameFrom(t *testing.T) {
	t.Parallel()
	base, l1 := ast.Parse(pos.NewFile("base", "", "/", "a: {x: 1, y: [1], z: 3}\nb: [1, 2]\nc: 1\n"))
	over, l2 := ast.Parse(pos.NewFile("over", "", "/", "a: {x: 2, y+: [2], z: !unset }\nb: [3]\n"))
	var l3 = l1
	out := ast.Merge(base, over, &l3)
	if l := append(l3, l2...); len(l) > 0 {
		t.Fatal(l)
	}
	want := map[string]any{"a": map[string]any{"x": int64(2), "y": []any{int64(1), int64(2)}}, "b": []any{int64(3)}, "c": int64(1)}
	if diff := cmp.Diff(want, out.Value()); diff != "" {
		t.Error(diff)
	}
	for path, file := range map[string]string{"a.x": "over", "a.y.0": "base", "a.y.1": "over", "c": "base"} {
		n, _, rest := out.Follow(strings.Split(path, "."))
		if len(rest) > 0 || n.File().Name != file {
			t.Errorf("%s: want it from %s, have %s (rest %v)", path, file, n.File().Name, rest)
		}
	}
	if diff := cmp.Diff(map[string]any{"x": int64(1), "y": []any{int64(1)}, "z": int64(3)}, base.Find("a").Value.Value()); diff != "" {
		t.Errorf("merging changed the base: %s", diff)
	}
}

// FuzzParse holds that no text panics, and that what is read has spans inside the file.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"belay: 1\nstages:\n  a: {uses: x, with: {k: \"${a.b}\"}}\n", "a: &x [*x]", "- |\n  x\n- >-\n y\n", "\"\\u12\": 'a''b'", "? [a]\n: b", "a: !unset\nb+: [1]", "%YAML 1.2\n---\na: 1\r\n...\n---\nb", "&a a: *a", "a: \"x\n\n  y\"\n", "!!str : x", "\ufeffa: 1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file := pos.NewFile("r.yaml", "", "/", text)
		n, l := ast.Parse(file)
		_ = l.Error()
		if n == nil {
			if !l.HasErrors() {
				t.Fatal("no node and no error")
			}
			return
		}
		var visit func(n *ast.Node)
		visit = func(n *ast.Node) {
			for _, p := range []pos.Pos{n.Span.Start, n.Span.End} {
				if p.Line < 1 || p.Line > file.Lines() || p.Col < 1 || p.Col > len([]rune(file.Text))+1 {
					t.Fatalf("span outside the file: %v %v", p.Line, p.Col)
				}
			}
			n.Within(0, 2, 5)
			for _, item := range n.Items {
				visit(item)
			}
			for _, p := range n.Pairs {
				visit(p.Key)
				visit(p.Value)
			}
		}
		visit(n)
		var merged = l
		r, _ := ast.Decode(ast.Merge(nil, n, &merged))
		_ = r
	})
}
