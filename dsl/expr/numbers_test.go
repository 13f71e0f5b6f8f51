package expr_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/dsl/expr"
)

// numbersScope has a stage with numbers that are known by name, one with others, and a list of them.
func numbersScope() (*expr.Scope, expr.Values) {
	stage := func(v *expr.Var) *expr.Var { return expr.Record("stage", map[string]*expr.Var{"metrics": v}) }
	sc := &expr.Scope{Vars: map[string]*expr.Var{
		"a": stage(expr.Numbers("metrics of stage a", []string{"loss", "acc"})), "b": stage(expr.Numbers("metrics of stage b", nil)),
		"many": stage(expr.ListOfNumbers()), "params": expr.TypeOf("params", map[string]any{"name": "acc", "fast": true}),
	}}
	values := expr.Values{}
	values.Set("a", map[string]any{"metrics": map[string]any{"loss": 2.5, "acc": 0.5}})
	values.Set("b", map[string]any{"metrics": map[string]any{"acc": 0.25, "per.math": 1.0}})
	values.Set("many", map[string]any{"metrics": []any{map[string]any{"acc": 0.1}, map[string]any{"acc": 0.9}}})
	values.Set("params", map[string]any{"name": "acc", "fast": true})
	return sc, values
}

func TestConditionsReadNumbers(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"a.metrics.loss < 3": "true: loss", "b.metrics.acc > 0.3": "false: acc", "b.metrics['per.math'] == 1": "true: per.math",
		"b.metrics[params.name] < a.metrics.acc": "true: acc", "any(many.metrics, .acc > 0.5)": "true: acc", "max(map(many.metrics, .acc)) < 0.5": "false: acc",
		"let m = b.metrics; m.acc + m['per.math'] > 1": "true: acc per.math", "params.fast || b.metrics.none > 1": "true: ",
		// What is not there is an error in every comparison, unless it is asked for.
		"b.metrics.none > 1": "there is no metric none", "b.metrics.none != 1": "there is no metric none", "all(many.metrics, .gone == 1)": "there is no metric gone",
		"'none' in b.metrics and b.metrics.none > 1": "false: ", "(b.metrics?.none ?? 0) > 1": "false: ", "'acc' in keys(b.metrics)": "true: ",
		"b.metrics[params.fast ? 'none' : 'acc'] == 1": "there is no metric none",
	} {
		sc, values := numbersScope()
		prog, problems := expr.Compile(expr.Parse(src), sc, "bool")
		if len(problems) > 0 {
			t.Errorf("%s: %v", src, problems)
			continue
		}
		v, p := prog.Run(values)
		have := strings.Join(prog.Taken(), " ")
		switch {
		case p != nil:
			have = p.Summary
		case v == true:
			have = "true: " + have
		default:
			have = "false: " + have
		}
		if d := cmp.Diff(want, have); d != "" {
			t.Errorf("%s: %s", src, d)
		}
	}
}

func TestNumbersHaveATypeBeforeTheyAreThere(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"a.metrics.los > 1": "metrics of stage a has no los", "b.metrics.acc == 'x'": "invalid operation: == (mismatched types float and string)",
		"b.metrics.acc and true": "invalid operation: and (mismatched types float and bool)", "b.metrics + 1 > 0": "invalid operation: + (mismatched types a map and int)",
		"b.metrics.acc.x > 1": "type float has no field x",
	} {
		sc, _ := numbersScope()
		_, problems := expr.Compile(expr.Parse(src), sc, "bool")
		if len(problems) != 1 || problems[0].Summary != want {
			t.Errorf("%s: %v, want %s", src, problems, want)
		}
	}
}

func TestAnExpressionThatNeedsNoNumbersHasAValueBeforeThem(t *testing.T) {
	t.Parallel()
	for src, known := range map[string]bool{
		"params.fast || a.metrics.acc > 1": true, "!params.fast && a.metrics.acc > 1": true, "params.fast ? true : a.metrics.acc > 1": true,
		"a.metrics.acc > 1 || params.fast": false, "a.metrics.acc > 1": false, "a.metrics?.acc == nil": false, "'acc' in a.metrics": false,
		"len(keys(a.metrics)) > 0": false, "any(many.metrics, .acc > 1)": false, "len(many.metrics) == 2": false, "(a.metrics?.acc ?? 1) > 0": false,
	} {
		sc, values := numbersScope()
		for _, name := range []string{"a", "b", "many"} {
			values[name] = map[string]any{"metrics": expr.Later()}
		}
		prog, problems := expr.Compile(expr.Parse(src), sc, "bool")
		if len(problems) > 0 {
			t.Errorf("%s: %v", src, problems)
			continue
		}
		if v, p := prog.Run(values); (p == nil) != known {
			t.Errorf("%s: value %v, problem %v", src, v, p)
		}
	}
}

func TestAUseReachesBehindItsLastField(t *testing.T) {
	t.Parallel()
	for src, want := range map[string][]string{
		"a.metrics.acc > b.metrics['x y'].z": {"a.metrics.acc", "b.metrics['x y'].z"}, "a . metrics [ \"acc\" ] > 1": {"a . metrics [ \"acc\" ]"},
		"文.a?.b+1": {"文.a?.b"}, "(a).b > 1": {"a?"}, "a['\\x41'] > 1": {"a?"}, "a": {"a"},
	} {
		p := expr.Parse(src)
		var have []string
		for _, u := range p.Uses {
			to, ok := p.Extent(u)
			text := string([]rune(src)[u.From:to])
			if !ok {
				text += "?"
			}
			have = append(have, text)
		}
		if d := cmp.Diff(want, have); d != "" {
			t.Errorf("%s: %s", src, d)
		}
	}
}

// FuzzNumbers holds that conditions on numbers are found or refused at their places, and give the same every time.
func FuzzNumbers(f *testing.F) {
	for _, seed := range []string{"a.metrics.acc > 0.4", "any(many.metrics, .acc > params.fast)", "b.metrics['x'].y", "a?.metrics?.acc ?? 1", "b.metrics[b.metrics.acc] > 1", "a['metrics'][\"acc\"]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if !utf8.ValidString(src) {
			t.Skip()
		}
		parsed, runes := expr.Parse(src), utf8.RuneCountInString(src)
		for _, u := range parsed.Uses {
			if to, _ := parsed.Extent(u); to < u.To || to > runes {
				t.Fatalf("%q: %v reaches to %d of %d", src, u, to, runes)
			}
		}
		sc, values := numbersScope()
		prog, problems := expr.Compile(parsed, sc, "bool")
		if len(problems) > 0 {
			return
		}
		one, p := prog.Run(values)
		taken := slices.Clone(prog.Taken())
		two, q := prog.Run(values)
		if one != two || (p == nil) != (q == nil) || !slices.Equal(taken, prog.Taken()) {
			t.Fatalf("%q: %v %v, %v %v", src, one, p, two, q)
		}
	})
}
