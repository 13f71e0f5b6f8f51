package foreign

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/dsl/internal/dsltest"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine/param"
)

// TestWhatIsWrittenReadsAsTheSame writes values in YAML and reads them as the language does.
func TestWhatIsWrittenReadsAsTheSame(t *testing.T) {
	t.Parallel()
	scalar := rapid.OneOf(
		rapid.String().AsAny(),
		rapid.SampledFrom([]string{"", "yes", "null", "~", "0x1f", "1e3", ".5", ".inf", "a: b", "# c", "- x", "{", "*a", "&a", "!t", "'", "\"", "%", "@", "`", "a\tb", "a\u0085b", "\ufeff", "${x}", "$${", "on", "2024-01-01"}).AsAny(),
		rapid.Int64().AsAny(), rapid.Bool().AsAny(),
		rapid.Float64().Filter(func(x float64) bool { return !math.IsInf(x, 0) }).AsAny(),
	)
	value := rapid.OneOf(scalar, rapid.SliceOfN(scalar, 0, 3).AsAny(), rapid.MapOfN(rapid.String(), scalar, 0, 3).AsAny())
	rapid.Check(t, func(t *rapid.T) {
		v := value.Draw(t, "value")
		if l, ok := v.([]any); ok && l == nil {
			v = []any{}
		}
		n, l := ast.Parse(pos.NewFile("r.yaml", "", "", "v: "+flow(v)+"\n"))
		if l.HasErrors() {
			t.Fatalf("%v: %s", l, flow(v))
		}
		if d := cmp.Diff(v, resolved(n.Find("v").Value.Value())); d != "" {
			t.Fatalf("%s: %s", flow(v), d)
		}
	})
}

// resolved takes the escapes of ${ back, as compiling does, and refuses expressions.
func resolved(v any) any {
	switch x := v.(type) {
	case string:
		parts, _, problem := expr.Split(x)
		if problem != nil {
			return problem
		}
		var b strings.Builder
		for _, p := range parts {
			if p.IsExpr {
				return p
			}
			b.WriteString(p.Text)
		}
		return b.String()
	case []any:
		for i := range x {
			x[i] = resolved(x[i])
		}
	case map[string]any:
		out := map[string]any{}
		for k, item := range x {
			key, _ := resolved(k).(string)
			out[key] = resolved(item)
		}
		return out
	}
	return v
}

func TestCommentsAreOneLineOfAnyText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		var b strings.Builder
		para(&b, "# ", "#   ", s)
		for line := range strings.Lines(b.String()) {
			if !strings.HasPrefix(line, "#") {
				t.Fatalf("%q in %q", line, b.String())
			}
		}
		if _, l := ast.Parse(pos.NewFile("r.yaml", "", "", b.String()+"a: 1\n")); l.HasErrors() {
			t.Fatalf("%v: %q", l, b.String())
		}
	})
}

func TestWordsAreTypedByTheField(t *testing.T) {
	t.Parallel()
	list := &param.Field{Name: "x", Type: param.Int}
	for _, c := range []struct {
		name  string
		field param.Field
		words []string
		want  any
		why   string
	}{
		{"an integer", param.Field{Type: param.Int}, []string{"12"}, int64(12), ""},
		{"no integer", param.Field{Name: "n", Type: param.Int}, []string{"1e3"}, nil, `n wants an integer, have "1e3"`},
		{"a number", param.Field{Type: param.Float}, []string{"1.25e-6"}, 1.25e-6, ""},
		{"not a finite number", param.Field{Name: "lr", Type: param.Float}, []string{"nan"}, nil, `lr wants a number, have "nan"`},
		{"a number too large", param.Field{Name: "lr", Type: param.Float}, []string{"1e999"}, nil, `lr wants a number, have "1e999"`},
		{"a switch", param.Field{Type: param.Bool}, nil, true, ""},
		{"a switch with a word", param.Field{Type: param.Bool}, []string{"False"}, false, ""},
		{"a list", param.Field{Type: param.List, Elem: list}, []string{"1", "2"}, []any{int64(1), int64(2)}, ""},
		{"a list with a wrong item", param.Field{Type: param.List, Elem: list}, []string{"1", "x"}, nil, `x wants an integer, have "x"`},
		{"a map", param.Field{Type: param.Map}, []string{`{"a": "b"}`}, map[string]any{"a": "b"}, ""},
		{"no map", param.Field{Name: "m", Type: param.Map}, []string{"null"}, nil, `m wants a map, have "null"`},
		{"a value too many", param.Field{Name: "n", Type: param.Int}, []string{"1", "2"}, nil, "n takes one value, 2 are given"},
		{"no value", param.Field{Name: "n", Type: param.Int}, nil, nil, "n wants an integer, and nothing is given"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, why := typed(&c.field, c.words)
			if d := cmp.Diff(c.want, v); d != "" || why != c.why {
				t.Errorf("%s, why %q, want %q", d, why, c.why)
			}
		})
	}
}

func TestNamesSuitTheLanguage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "name")
		text := "belay: 1\nname: " + text(RecipeName(s)) + "\nparams: {" + identifier(s) + ": 1}\nstages: {s: {uses: hf-download, with: {repo: a/b}}}\n"
		opt := compile.Options{Stages: dsltest.Stages(), Dir: "/nowhere", Over: func(string) (string, bool) { return text, true }}
		if g, l := compile.File("/nowhere/r.yaml", opt); g == nil {
			t.Fatalf("%v: %q", l, s)
		}
	})
}

func TestJobsAreJoinedByTheNearestWriter(t *testing.T) {
	t.Parallel()
	job := func(name, from, to string) *Job {
		j := &Job{Kind: "finetune", Name: name}
		j.Settings = []Setting{{Field: "checkpoint", Texts: []string{from}, As: "--load", Param: "from"}}
		if to != "" {
			j.Writes = []Write{{Path: to, Port: "checkpoint"}}
		}
		return j
	}
	for _, c := range []struct {
		name string
		jobs []*Job
		want map[string]string
	}{
		{"a path below what is written", []*Job{job("a", "x", "y"), job("b", "./y//z/", "")}, map[string]string{"a": "${params.from}", "b": "${a.checkpoint}/z"}},
		{"a name that begins alike", []*Job{job("a", "x", "y"), job("b", "yy", "")}, map[string]string{"a": "${params.from}", "b": "${params.from_2}"}},
		{"the last one before", []*Job{job("a", "x", "y"), job("b", "z", "y"), job("c", "y", ""), job("d", "w", "y")}, map[string]string{"a": "${params.from}", "b": "${params.from_2}", "c": "${b.checkpoint}", "d": "${params.from_3}"}},
		{"the first one behind", []*Job{job("c", "y", ""), job("a", "x", "y"), job("b", "x", "y")}, map[string]string{"a": "${params.from}", "b": "${params.from}", "c": "${a.checkpoint}"}},
		{"itself", []*Job{job("a", "x", "x")}, map[string]string{"a": "${params.from}"}},
		{"there and back", []*Job{job("a", "x", "y"), job("b", "y", "x")}, map[string]string{"a": "${params.from}", "b": "${a.checkpoint}"}},
		{"a ring of later ones", []*Job{job("a", "z", "y"), job("b", "w", "z"), job("c", "y", "w")}, map[string]string{"a": "${b.checkpoint}", "b": "${params.from}", "c": "${a.checkpoint}"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			opt := Options{Name: "r", Stages: dsltest.Stages(), Root: "/w", Dir: "/w", Exists: func(string) bool { return true }}
			n, l := ast.Parse(pos.NewFile("r.yaml", "", "", string(Build(c.jobs, nil, opt).Text)))
			if l.HasErrors() {
				t.Fatal(l)
			}
			got := map[string]string{}
			for _, p := range n.Find("stages").Value.Pairs {
				got[p.Key.Text] = p.Value.Find("with").Value.Find("checkpoint").Value.Text
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTextsOfJSONAreUTF8(t *testing.T) {
	t.Parallel()
	if s := quote("a\xffb"); !utf8.ValidString(s) {
		t.Errorf("%q", s)
	}
}

func TestItemsOfAListAreReadTypedAndJoined(t *testing.T) {
	t.Parallel()
	item := func(path, weight string) Item {
		s := []Setting{{Field: "input", Texts: []string{path}, As: "--data", Param: "in"}, {Field: "weight", Texts: []string{weight}, As: "--data"}}
		if strings.HasPrefix(path, "$") {
			s[0].Texts, s[0].Open = nil, path
		}
		return s
	}
	tune := &Job{Kind: "finetune", Name: "tune", Writes: []Write{{Path: "m", Port: "metrics"}}}
	for _, c := range []struct {
		name  string
		items []Item
		want  any // the list of the recipe, or why it is left
	}{
		{"paths and what a stage writes", []Item{item("x", "0.5"), item("./m", "2")}, []any{
			map[string]any{"input": "${params.in}", "weight": 0.5}, map[string]any{"input": "${tune.metrics}", "weight": 2.0}}},
		{"a path twice", []Item{item("x", "1"), item("x", "1")}, []any{
			map[string]any{"input": "${params.in}", "weight": 1.0}, map[string]any{"input": "${params.in}", "weight": 1.0}}},
		{"a path that is not known", []Item{item("$A", "1")}, []any{map[string]any{"input": "${params.in}", "weight": 1.0}}},
		{"no number", []Item{item("x", "half")}, `weight wants a number of 0 or more, have "half"`},
		{"a number out of bounds", []Item{item("x", "-1")}, "want a number of 0 or more, have -1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			score := &Job{Kind: "score", Name: "score", Settings: []Setting{{Field: "parts", As: "--data", Items: c.items}}}
			own := *tune
			opt := Options{Name: "r", Stages: dsltest.Stages(), Root: "/w", Dir: "/w", Exists: func(string) bool { return true }}
			r := Build([]*Job{&own, score}, nil, opt)
			if why, isLeft := c.want.(string); isLeft {
				if len(r.Left) != 1 || r.Left[0].Why != why {
					t.Errorf("left %v, want %q", r.Left, why)
				}
				return
			}
			n, l := ast.Parse(pos.NewFile("r.yaml", "", "", string(r.Text)))
			if l.HasErrors() {
				t.Fatal(l)
			}
			parts := n.Find("stages").Value.Find("score").Value.Find("with").Value.Find("parts")
			if parts == nil {
				t.Fatalf("no parts in\n%s", r.Text)
			}
			if d := cmp.Diff(c.want, parts.Value.Value()); d != "" {
				t.Error(d)
			}
		})
	}
}
