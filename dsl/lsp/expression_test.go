package lsp

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/dsl/internal/dsltest"
)

// The scanner that reads half-typed expressions sees in whole ones what the parser sees.
func TestScannerAgreesWithTheParser(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		"params.lr", "params.lr * 2 + base.model", "sft['seed=1'].checkpoint", `sft["seed=1"].checkpoint`, "a ? b.c : d.e", "len(a.b) > 1 and not c",
		"{'a': b.c}.a", "{a: b.c, d: e}.a", "a ? b : c", "map(a.list, # * params.x)", "filter(a, .x > b)", "a?.b?.c", "a [ 'b' ] . c", "1..params.n", "1.5 + x.y", "'text.in.quotes' + a", "a['x' + b.c]",
		"[a.b, c.d][0]", "a.b[0].c", "join(['a', b], ',')", "keys(params.map)", "文.字 + 1", "x == \"a'b\" ? y : z", "replace(a, `b.c`, '')",
	} {
		parsed := expr.Parse(source)
		if len(parsed.Problems) > 0 {
			t.Fatalf("%s: %v", source, parsed.Problems)
		}
		var want, got []string
		for _, u := range parsed.Uses {
			want = append(want, fmt.Sprintf("%s at %d", strings.Join(u.Chain, "."), u.From))
		}
		for _, u := range scan(source).uses {
			if word := u.parts[0].name; !u.call && word != "and" && word != "not" { // no name can be one
				got = append(got, fmt.Sprintf("%s at %d", strings.Join(u.names(), "."), len([]rune(source[:u.parts[0].from]))))
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", source, diff)
		}
	}
}

// What the language has is explained here: a new key, type or function wants its text.
func TestEveryWordOfTheLanguageIsExplained(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		words []string
		docs  map[string]string
	}{
		"key of a recipe":    {ast.RecipeKeys(), recipeDocs()},
		"key of a stage":     {ast.StageKeys(), stageDocs()},
		"key of a parameter": {ast.ParamKeys(), paramDocs()},
		"type":               {ast.ParamTypes(), typeDocs()},
		"reserved name":      {ast.Reserved(), rootDocs()},
	} {
		for _, w := range c.words {
			if c.docs[w] == "" {
				t.Errorf("the %s %q has no text in language.go", name, w)
			}
		}
	}
	for _, f := range expr.Functions() {
		if s := signatures()[f]; !strings.HasPrefix(s.call, f+"(") || s.doc == "" {
			t.Errorf("the function %s has no signature in language.go", f)
		}
	}
	for f := range signatures() {
		if !slices.Contains(expr.Functions(), f) {
			t.Errorf("there is no function %s", f)
		}
	}
}

// Keys that this package does not know by name come from the JSON Schema.
func TestNestedKeysComeFromTheSchema(t *testing.T) {
	t.Parallel()
	g, err := newGrammar(dsltest.Stages())
	if err != nil {
		t.Fatal(err)
	}
	keys, _ := g.at([]string{"stages", "x", "resources"})
	if !slices.ContainsFunc(keys, func(w word) bool { return w.name == "cpu" }) {
		t.Errorf("resources has %v", keys)
	}
	if _, values := g.at([]string{"stages", "x", "cache"}); len(values) != 2 {
		t.Errorf("cache takes %v", values)
	}
	if keys, values := g.at([]string{"nothing", "*", "here"}); len(keys)+len(values) > 0 {
		t.Errorf("have %v %v", keys, values)
	}
}

func TestURIsAndPathsGoBothWays(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"file:///a/b.yaml": "/a/b.yaml", "file:///a%20b/%C3%A9.yaml": "/a b/é.yaml", "file://localhost/a": "/a", "file:///a/../b": "/b",
		"file://host/a": "", "untitled:x": "", "http://a/b": "", "%": "", "": "", "file:": "",
	} {
		got := pathOf(uri)
		if got != want {
			t.Errorf("%s: want %q, have %q", uri, want, got)
		}
		if got != "" && pathOf(uriOf(got)) != got {
			t.Errorf("%s does not come back from %s", got, uriOf(got))
		}
	}
}
