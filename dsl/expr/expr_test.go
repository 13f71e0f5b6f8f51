package expr_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/belay-ml/belay/dsl/expr"
)

func scope() (*expr.Scope, expr.Values) {
	params := map[string]any{"lr": 1e-5, "iters": int64(2000), "name": "x", "on": true, "list": []any{int64(3), int64(1), int64(2)}, "map": map[string]any{"b": int64(1), "a": int64(2)}}
	values := expr.Values{}
	values.Set("params", params)
	values.Set("base", map[string]any{"model": expr.RefTo(expr.Target{ID: "base", Port: "model"})})
	return &expr.Scope{
		Vars: map[string]*expr.Var{
			"params": expr.TypeOf("params", params),
			"base":   expr.Record("stage base", map[string]*expr.Var{"model": expr.Artifact()}),
		},
		Absent: map[string]string{"matrix": "the stage has no matrix"},
	}, values
}

func TestExpressionsGiveTypedValues(t *testing.T) {
	t.Parallel()
	cases := map[string]any{
		"params.lr": 1e-5, "params.iters * 2": int64(4000), "div(params.iters, 3)": int64(666), "params.iters / 2": 1000.0,
		"params.on ? 'a' : 'b'": "a", "params.name + '!'": "x!", "len(params.list)": int64(3), "max(params.list)": int64(3),
		"map(params.list, # * 2)": []any{int64(6), int64(2), int64(4)}, "filter(params.list, # > 1)": []any{int64(3), int64(2)},
		"sum(params.list)": int64(6), "keys(params.map)": []any{"a", "b"}, "string(params.lr)": "1e-5", "join(['a', 'b'], '-')": "a-b",
		"upper(params.name)": "X", "[1, 'a', 2.5]": []any{int64(1), "a", 2.5}, "{'a': 1}": map[string]any{"a": int64(1)},
		"params['lr']": 1e-5, "all(params.list, # > 0)": true, "let n = params.iters; n + 1": int64(2001), "int('12')": int64(12), "params.map.a": int64(2),
		"split('a,b', ',')": []any{"a", "b"}, "replace('aXb', 'X', '-')": "a-b", "sort(params.list)": []any{int64(1), int64(2), int64(3)},
	}
	for src, want := range cases {
		sc, values := scope()
		p, problems := expr.Compile(expr.Parse(src), sc, "")
		if len(problems) > 0 {
			t.Errorf("%s: %v", src, problems)
			continue
		}
		got, problem := p.Run(values)
		if problem != nil {
			t.Errorf("%s: %v", src, problem)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", src, diff)
		}
	}
}

func TestExpressionsHaveStaticTypes(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"params.lr": "float", "params.iters": "int", "params.iters + 1": "int", "params.name": "string", "params.on": "bool",
		"params.list": "[]int", "map(params.list, # + 1)": "a list", "params.map": "a map", "params": "a map", "base.model": "an artifact",
		"params.on ? 1 : 'a'": "any value", "params.map.a": "int",
	} {
		sc, _ := scope()
		p, problems := expr.Compile(expr.Parse(src), sc, "")
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if got := p.Type(); got != want {
			t.Errorf("%s is %s, want %s", src, got, want)
		}
	}
}

func TestMistakesAreFoundWithTheirPlace(t *testing.T) {
	t.Parallel()
	cases := []struct{ src, at, summary, hint string }{
		{"params.itres", "itres", "params has no itres", "did you mean iters?"},
		{"1 + prams.lr", "prams", "unknown name prams", "did you mean params?"},
		{"base.mdoel", "mdoel", "stage base has no mdoel", "did you mean model?"},
		{"base?.mdoel", "mdoel", "stage base has no mdoel", "did you mean model?"},
		{"false ? base.mdoel : 1", "mdoel", "stage base has no mdoel", "did you mean model?"},
		{"matrix.seed", "matrix", "matrix is not available here", "the stage has no matrix"},
		{"lenn(params.list)", "lenn", "unknown function lenn", "did you mean len?"},
		{"now()", "now", "function now is not part of the language", "did you mean none?"},
		{"fromJSON('1')", "fromJSON", "function fromJSON is not part of the language", ""},
		{"params.name + 1", "+", "invalid operation: + (mismatched types string and int)", ""},
		{"base.model.target", "target", "base.model is an artifact: what is in it is not known yet", ""},
		{"base.model + 'x'", "+", "invalid operation: + (mismatched types an artifact and string)", ""},
		{"len(params.iters)", "len", "invalid argument for len (type int)", ""},
		{"文 + 1", "文", "unknown name 文", ""},
		{"'文' + nope", "nope", "unknown name nope", ""},
		{"$env.params", "$env", "unknown name $env", ""},
		{"params.lr.foo()", "foo", "only functions can be called", ""},
		{"params.iters = 3", "=", "", ""},
		{"(1 + ", "", "the expression ends too early", ""},
	}
	for _, c := range cases {
		sc, _ := scope()
		_, problems := expr.Compile(expr.Parse(c.src), sc, "")
		if len(problems) == 0 {
			t.Errorf("%s: no problem found", c.src)
			continue
		}
		p := problems[0]
		if c.summary != "" && p.Summary != c.summary {
			t.Errorf("%s: want %q, have %q", c.src, c.summary, p.Summary)
		}
		if c.hint != "" && p.Hint != c.hint {
			t.Errorf("%s: want the hint %q, have %q", c.src, c.hint, p.Hint)
		}
		runes := []rune(c.src)
		if c.at != "" && !strings.HasPrefix(string(runes[min(p.From, len(runes)):]), c.at) {
			t.Errorf("%s: want the place of %q, have %d", c.src, c.at, p.From)
		}
	}
}

func TestExpressionsAreBounded(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"a long source":        strings.Repeat("1+", 4000) + "1",
		"many nodes":           strings.Repeat("1+", 1500) + "1",
		"nested predicates":    "map(1..9, map(1..9, map(1..9, map(1..9, 1))))",
		"a range over memory":  "len(1..100000000)",
		"ranges inside ranges": "sum(map(1..2000, sum(1..2000)))",
		"division by zero":     "div(1, 0)",
		"an index outside":     "params.list[7]",
		"a huge power":         "int('1' + '0')[1]",
	} {
		sc, values := scope()
		p, problems := expr.Compile(expr.Parse(src), sc, "")
		if len(problems) > 0 {
			continue
		}
		if _, problem := p.Run(values); problem == nil {
			t.Errorf("%s: passes", name)
		}
	}
}

func TestSplitKeepsLiteralsAndEscapes(t *testing.T) {
	t.Parallel()
	cases := map[string][]expr.Part{
		"plain":              {{Text: "plain"}},
		"${a}":               {{Source: "a", IsExpr: true}},
		"x ${a} y ${b}":      {{Text: "x "}, {Source: "a", IsExpr: true}, {Text: " y "}, {Source: "b", IsExpr: true, Nth: 1}},
		"$${a} ${b}":         {{Text: "${a} "}, {Source: "b", IsExpr: true, Nth: 1}},
		"$${$${":             {{Text: "${${"}},
		"${ {'a': '}'}.a }":  {{Source: " {'a': '}'}.a ", IsExpr: true}},
		"${'${'} ${c}":       {{Source: "'${'", IsExpr: true}, {Text: " "}, {Source: "c", IsExpr: true, Nth: 2}},
		"${map(l, {# + 1})}": {{Source: "map(l, {# + 1})", IsExpr: true}},
		"$x $( $":            {{Text: "$x $( $"}},
	}
	for text, want := range cases {
		got, _, p := expr.Split(text)
		if p != nil {
			t.Errorf("%s: %v", text, p)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	for _, text := range []string{"${", "a ${b", "${'}", "${}", "${ }"} {
		if _, _, p := expr.Split(text); p == nil {
			t.Errorf("%s: want a problem", text)
		}
	}
}

// Escaping any text and splitting it again gives the text.
func TestEscapedTextComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("a${} '\"文\n"))).Draw(t, "text")
		if strings.Contains(text, "$${") {
			t.Skip("already escaped")
		}
		parts, _, p := expr.Split(strings.ReplaceAll(text, "${", "$${"))
		if p != nil {
			t.Fatal(p)
		}
		got := ""
		for _, part := range parts {
			if part.IsExpr {
				t.Fatalf("an expression in %q", text)
			}
			got += part.Text
		}
		if got != text {
			t.Fatalf("want %q, have %q", text, got)
		}
	})
}

func TestFormatIsShortest(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]any{"1e-5": 1e-5, "0.1": 0.1, "2": 2.0, "1e21": 1e21, "1.25e-6": 1.25e-6, "-3": int64(-3), "true": true, "x": "x", "100000": 1e5} {
		if got, ok := expr.Format(v); !ok || got != want {
			t.Errorf("want %s, have %s", want, got)
		}
	}
	if _, ok := expr.Format([]any{}); ok {
		t.Error("a list has a text form")
	}
}

// FuzzExpression holds that no source panics and that problems lie within it.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{"params.lr * 2", "base.model", "map(params.list, {# > 1})", "let x = 1; x", "params?.lr ?? 1", "'a' matches 'b'", "{a: 1}.b", "1..3", "params.list[1:2]", "not true", "x[", "$env", "#", "文.字", "params['a'+'b']", "if true {1} else {2}", "reverse(params.list) | map(#)"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		sc, values := scope()
		parsed := expr.Parse(src)
		p, problems := expr.Compile(parsed, sc, "")
		for _, pr := range problems {
			if pr.From < 0 || pr.To < pr.From || pr.From > len([]rune(src)) {
				t.Fatalf("place %d-%d of %q", pr.From, pr.To, src)
			}
		}
		if p != nil {
			_, _ = p.Run(values)
		}
	})
}

func TestNestedPredicatesEnd(t *testing.T) {
	t.Parallel()
	long := make([]any, 100_000)
	for i := range long {
		long[i] = int64(i)
	}
	values := expr.Values{}
	values.Set("params", map[string]any{"long": long, "list": []any{int64(1), int64(2), int64(3)}})
	sc := &expr.Scope{Vars: map[string]*expr.Var{"params": expr.TypeOf("params", map[string]any{"long": long, "list": long[:3]})}}
	for src, want := range map[string]any{
		"all(params.long, all(params.long, all(params.long, true)))":            nil,
		"let r = 1..9000; count(r, any(r, # < 0)) == 0":                         nil,
		"sum(map(params.list, sum(params.list, # * 2)))":                        int64(36),
		"map(params.list, len(filter(params.list, # > 1)))":                     []any{int64(2), int64(2), int64(2)},
		"filter(params.list, let x = #; any(params.list, # == x + 1))":          []any{int64(1), int64(2)},
		"all(params.list, none(params.list, # > 3 or any(params.list, # > 9)))": true,
	} {
		prog, problems := expr.Compile(expr.Parse(src), sc, "")
		if len(problems) > 0 {
			t.Errorf("%s: %v", src, problems)
			continue
		}
		for range 2 { // the second run counts anew
			got, p := prog.Run(values)
			switch {
			case want == nil && (p == nil || !strings.Contains(p.Summary, "run more than 2000000 times")):
				t.Errorf("%s: have %v, %v", src, got, p)
			case want != nil && (p != nil || !cmp.Equal(want, got)):
				t.Errorf("%s: want %v, have %v, %v", src, want, got, p)
			}
		}
	}
}
