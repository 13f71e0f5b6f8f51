package compile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/internal/dsltest"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine"
)

// layout writes a recipe anew: keys in another order, other quotes, comments, block or flow style.
type layout struct {
	t *rapid.T
	b strings.Builder
}

func (w *layout) node(n *ast.Node, indent int, path string) {
	switch n.Kind {
	case ast.Map:
		if len(n.Pairs) == 0 {
			w.b.WriteString(" {}\n")
			return
		}
		w.b.WriteString("\n")
		pairs := slices.Clone(n.Pairs)
		// Axes keep their order: it is part of the instances' names.
		if !strings.HasSuffix(path, ".matrix") {
			for i := len(pairs) - 1; i > 0; i-- {
				j := rapid.IntRange(0, i).Draw(w.t, "order")
				pairs[i], pairs[j] = pairs[j], pairs[i]
			}
		}
		for _, p := range pairs {
			if rapid.Bool().Draw(w.t, "comment") {
				fmt.Fprintf(&w.b, "%s# about %s\n", strings.Repeat("  ", indent), p.Key.Text)
			}
			fmt.Fprintf(&w.b, "%s%s:", strings.Repeat("  ", indent), p.Key.Text)
			w.node(p.Value, indent+1, path+"."+p.Key.Text)
		}
	case ast.List:
		if len(n.Items) == 0 {
			w.b.WriteString(" []\n")
			return
		}
		w.b.WriteString("\n")
		for _, item := range n.Items {
			w.b.WriteString(strings.Repeat("  ", indent) + "-")
			w.node(item, indent+1, path)
		}
	case ast.Text:
		switch rapid.IntRange(0, 2).Draw(w.t, "quotes") {
		case 0:
			fmt.Fprintf(&w.b, " '%s'", strings.ReplaceAll(n.Text, "'", "''"))
		case 1:
			fmt.Fprintf(&w.b, " \"%s\"", strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(n.Text))
		default:
			fmt.Fprintf(&w.b, " >-\n%s%s", strings.Repeat("  ", indent+1), n.Text)
			w.b.WriteString("\n")
			return
		}
		w.trail()
	default:
		w.b.WriteString(" " + n.Text)
		w.trail()
	}
}

func (w *layout) trail() {
	if rapid.Bool().Draw(w.t, "trail") {
		w.b.WriteString("  # note")
	}
	w.b.WriteString("\n")
}

// params is what must not change: parameters by instance, inputs by name.
func params(g *engine.Graph) map[string]any {
	out := map[string]any{}
	var show func(v any) any
	show = func(v any) any {
		switch x := v.(type) {
		case engine.Output:
			return g.Nodes[x.Node].ID + "." + x.Port
		case engine.Source:
			return x.As
		case []any:
			list := make([]any, len(x))
			for i := range x {
				list[i] = show(x[i])
			}
			return list
		case map[string]any:
			m := map[string]any{}
			for k := range x {
				m[k] = show(x[k])
			}
			return m
		}
		return v
	}
	for _, n := range g.Nodes {
		out[n.ID] = []any{show(n.Params), n.Off, n.Retry.Max, n.Resources.CPU, n.NoCache, n.Timeout}
	}
	return out
}

// Key order, comments, quotes and layout do not change what a recipe means, nor its digest.
func TestLayoutDoesNotChangeTheGraph(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/graphs/pipeline.txtar")
	if err != nil {
		t.Fatal(err)
	}
	_, recipe, _ := strings.Cut(string(data), "-- recipe.yaml --\n")
	recipe, _, _ = strings.Cut(recipe, "-- data/a.jsonl --")
	dir := t.TempDir()
	opt := compile.Options{Stages: dsltest.Stages(), Dir: dir, Exists: func(string) bool { return true }}
	graph := func(t interface{ Fatalf(string, ...any) }, name, text string) *engine.Graph {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatalf("%v", err)
		}
		g, l := compile.File(name, opt)
		if g == nil {
			t.Fatalf("%v\n%s", l, text)
		}
		return g
	}
	want := graph(t, "want.yaml", recipe)
	n, l := ast.Parse(pos.NewFile("want.yaml", "", dir, recipe))
	if l.HasErrors() {
		t.Fatal(l)
	}
	rapid.Check(t, func(t *rapid.T) {
		w := &layout{t: t}
		w.node(n, 0, "")
		got := graph(t, "got.yaml", w.b.String())
		if diff := cmp.Diff(params(want), params(got)); diff != "" {
			t.Fatalf("%s\n%s", diff, w.b.String())
		}
		if want.Digest != got.Digest {
			t.Fatalf("another digest\n%s", w.b.String())
		}
	})
}

// Nodes come after those they read, whatever the order of the recipe.
func TestNodesComeAfterWhatTheyRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 12).Draw(t, "stages")
		order := rapid.Permutation(numbers(count)).Draw(t, "order")
		var b strings.Builder
		b.WriteString("belay: 1\nstages:\n")
		for _, i := range order {
			var inputs []string
			for j := range i {
				if rapid.Bool().Draw(t, "edge") {
					inputs = append(inputs, fmt.Sprintf("I%d: \"${s%d.o}\"", j, j))
				}
			}
			fmt.Fprintf(&b, "  s%d: {uses: command, with: {run: x, inputs: {%s}, outputs: {o: o}}}\n", i, strings.Join(inputs, ", "))
		}
		dir, err := os.MkdirTemp("", "order")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		if err := os.WriteFile(filepath.Join(dir, "r.yaml"), []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		g, l := compile.File("r.yaml", compile.Options{Stages: dsltest.Stages(), Dir: dir})
		if g == nil {
			t.Fatal(l)
		}
		if len(g.Nodes) != count {
			t.Fatalf("want %d nodes, have %d", count, len(g.Nodes))
		}
		for i, n := range g.Nodes {
			inputs, _ := n.Params["inputs"].(map[string]any)
			for _, v := range inputs {
				if out := v.(engine.Output); out.Node >= i {
					t.Fatalf("%s comes before %s", n.ID, g.Nodes[out.Node].ID)
				}
			}
		}
	})
}

func numbers(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// FuzzLoad holds that no recipe panics or takes long, that every complaint has a place inside its file, and that what
// compiles is a graph: nodes after those they read, IDs once each. other is a recipe that it may use or extend.
func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("testdata/*/*.txtar")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		recipe, other := "", ""
		for _, part := range txtar.Parse(data).Files {
			switch {
			case part.Name == "recipe.yaml":
				recipe = string(part.Data)
			case other == "" && strings.HasSuffix(part.Name, ".yaml"):
				// Under the one name that there is.
				recipe = strings.ReplaceAll(recipe, part.Name, "other.yaml")
				other = string(part.Data)
			}
		}
		if !strings.Contains(recipe, "&f [") { // the alias bomb is slow under the fuzzer
			f.Add(recipe, other)
		}
	}
	f.Add("belay: 1\nstages: {s: {uses: ./other.yaml}}", "belay: 1\nextends: r.yaml")
	f.Add("belay: 1\nextends: other.yaml", "belay: 1\nparams: {a: {type: artifact}}\nstages: {s: {uses: r.yaml, with: {a: \"${secret.A}\"}}}")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text, other string) {
		opt := compile.Options{
			Stages: dsltest.Stages(), Dir: dir, Exists: func(string) bool { return true },
			Secret: func(name string) (bool, string) { return len(name)%2 == 0, "nobody has it" },
		}
		for name, text := range map[string]string{"r.yaml": text, "other.yaml": other} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		// Files elsewhere are not there: whatever a fuzzer writes, nothing but these two is read.
		opt.Over = func(path string) (string, bool) {
			known := path == filepath.Join(dir, "r.yaml") || path == filepath.Join(dir, "other.yaml")
			return "", !known
		}
		g, l := compile.File("r.yaml", opt)
		if (g == nil) != l.HasErrors() {
			t.Fatalf("graph is nil: %v, errors: %v", g == nil, l)
		}
		for _, d := range l {
			if d.Summary == "" || !inside(d.Subject) {
				t.Fatalf("a finding without a place: %+v", d)
			}
			for _, n := range d.Notes {
				if !inside(n.Span) {
					t.Fatalf("a note without a place: %+v", d)
				}
			}
		}
		if g == nil {
			return
		}
		if len(g.Nodes) > 20_000 {
			t.Fatalf("%d nodes", len(g.Nodes))
		}
		ids := map[string]bool{}
		for i := range g.Nodes {
			n := &g.Nodes[i]
			if ids[n.ID] || !n.Called(n.ID) || !n.Called(n.Name) {
				t.Fatalf("node %s is there twice or does not go by its names", n.ID)
			}
			ids[n.ID] = true
			var read func(v any)
			read = func(v any) {
				switch x := v.(type) {
				case engine.Output:
					if x.Node >= i {
						t.Fatalf("%s reads %s, which comes later", n.ID, g.Nodes[x.Node].ID)
					}
				case []any:
					for _, item := range x {
						read(item)
					}
				case map[string]any:
					for _, item := range x {
						read(item)
					}
				}
			}
			read(map[string]any(n.Params))
			for _, d := range n.Needs {
				if d >= i {
					t.Fatalf("%s needs %s, which comes later", n.ID, g.Nodes[d].ID)
				}
			}
		}
	})
}

// inside says whether a span is a stretch of its file, or names one that could not be read.
func inside(s pos.Span) bool {
	f := s.Start.File
	if f == nil || s.End.File != f {
		return false
	}
	if s.Start.Line == 0 {
		return f.Text == "" || f.Inline
	}
	line := func(p pos.Pos) bool {
		return p.Line >= 1 && p.Line <= f.Lines() && p.Col >= 1 && p.Col <= len([]rune(f.Line(p.Line)))+2
	}
	return line(s.Start) && line(s.End) && !s.End.Before(s.Start)
}

func TestDescribeListsParameters(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "r.yaml")
	if err := os.WriteFile(path, []byte("belay: 1\nname: x\nparams:\n  lr: {type: float, default: 1e-5, doc: peak}\n  data: {type: path}\n  mode: {default: full, enum: [full, lora]}\nstages: {s: {uses: score}}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	d, l := compile.Describe(path)
	if l.HasErrors() {
		t.Fatal(l)
	}
	want := []compile.Param{
		{Name: "lr", Type: "float", Default: 1e-5, Doc: "peak"},
		{Name: "data", Type: "path", Required: true},
		{Name: "mode", Type: "string", Default: "full", Enum: []string{"full", "lora"}},
	}
	if diff := cmp.Diff(want, d.Params); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkCompile(b *testing.B) {
	var text strings.Builder
	text.WriteString("belay: 1\nparams: {lr: 1e-5}\nstages:\n")
	for i := range 12 {
		fmt.Fprintf(&text, "  t%d: {uses: finetune, matrix: {seed: [1, 2]}, with: {checkpoint: m, data: m, lr: \"${params.lr * %d}\", seed: \"${matrix.seed}\"}}\n", i, i)
		fmt.Fprintf(&text, "  s%d: {uses: score, with: {checkpoints: \"${t%d.checkpoint}\"}}\n", i, i)
	}
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "r.yaml"), []byte(text.String()), 0o666); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if g, l := compile.File("r.yaml", compile.Options{Stages: dsltest.Stages(), Dir: dir, Exists: func(string) bool { return true }}); g == nil {
			b.Fatal(l)
		}
	}
}
