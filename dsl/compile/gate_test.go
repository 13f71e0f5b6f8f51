package compile_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/internal/dsltest"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/metric"
)

// gatedBy is a recipe with a condition on other stages.
func gatedBy(when string) string {
	return `belay: 1
params: {least: 0.4, n: 2, name: acc, on: true}
stages:
  a: {uses: score, with: {checkpoints: m}}
  b: {uses: score, with: {checkpoints: m}}
  many: {uses: score, matrix: {i: [1, 2]}, with: {checkpoints: m}}
  gated: {uses: score, when: ` + fmt.Sprintf("%q", when) + `, with: {checkpoints: m, labels: ["x ${params.least}"]}}
  each: {uses: score, matrix: "${many.matrix}", when: many.metrics.acc > matrix.i, with: {checkpoints: m}}
  all: {uses: score, with: {checkpoints: m, extra: {a: "${gated.metrics}"}}}
`
}

func compiledGate(t testing.TB, dir, when string) (*engine.Graph, diag.List) {
	t.Helper()
	return compile.File("recipe.yaml", compile.Options{Stages: dsltest.Stages(), Dir: dir, Exists: func(string) bool { return true },
		Over: func(string) (string, bool) { return gatedBy(when), true }})
}

func TestAVerdictShowsTheNumbers(t *testing.T) {
	t.Parallel()
	numbers := map[string]metric.Set{"a": {"acc": 0.31, "loss": 2.5, "per.math": 1.0 / 3}, "b": {"acc": 0.5}, "many[i=1]": {"acc": 1.5}, "many[i=2]": {"acc": 1.75}}
	for when, want := range map[string]string{
		"a.metrics.acc > 0.4":                      "gate: acc 0.31 > 0.4 is false",
		"a.metrics.acc > params.least / params.n":  "gate: acc 0.31 > 0.4 / 2 is true",
		"  a.metrics['per.math']  <  1 ":           "gate: per.math 0.333333 < 1 is true",
		"a.metrics.acc > b.metrics.acc":            "gate: a.acc 0.31 > b.acc 0.5 is false",
		"a.metrics.loss < 3 && a.metrics.acc > .3": "gate: loss 2.5 < 3 && acc 0.31 > .3 is true",
		"a.metrics[params.name] > 0.4":             "gate: a.metrics[params.name] > 0.4 is false (a.acc 0.31)",
		"any(many.metrics, .acc > 1.6)":            "gate: any(many.metrics, .acc > 1.6) is true (many[i=1].acc 1.5, many[i=2].acc 1.75)",
		"many['i=2'].metrics.acc > 1":              "gate: acc 1.75 > 1 is true",
		"a.metrics.acc > 0.2 || a.metrics.nil > 1": "gate: acc 0.31 > 0.2 || a.metrics.nil > 1 is true",
		"a.metrics.nowhere > 1":                    "decide a.metrics.nowhere > 1 (recipe.yaml:7:30): there is no metric nowhere; a.metrics has acc, loss, per.math",
		"1 / (a.metrics.acc - 0.31) > 0":           "gate: 1 / (acc 0.31 - 0.31) > 0 is true",
	} {
		g, l := compiledGate(t, t.TempDir(), when)
		if l.HasErrors() {
			t.Errorf("%s: %s", when, report(l))
			continue
		}
		for i := range g.Nodes {
			if g.Nodes[i].ID != "gated" {
				continue
			}
			var sets []metric.Set
			for _, o := range g.Nodes[i].Gates[0].Reads {
				sets = append(sets, numbers[g.Nodes[o.Node].ID])
			}
			v, err := g.Nodes[i].Gates[0].Decide(sets)
			have := v.String()
			if err != nil {
				have = err.Error() + "; " + fault.HintOf(err)
			}
			if d := cmp.Diff(want, have); d != "" {
				t.Errorf("%s: %s", when, d)
			}
		}
	}
}

func TestOnlyListsOverAMatrixMayLeaveInstancesOut(t *testing.T) {
	t.Parallel()
	g, l := compiled(t, t.TempDir(), map[string]string{"recipe.yaml": `belay: 1
stages:
  sft: {uses: finetune, matrix: {i: [1, 2]}, with: {checkpoint: m, data: d}}
  one: {uses: finetune, with: {checkpoint: m, data: d}}
  sub: {uses: ./sub.yaml}
  fan: {uses: score, with: {checkpoints: ["${sft.checkpoint}", "${sft['i=1'].checkpoint}", "${one.checkpoint}", "${sub.all}", "${first(sft.checkpoint)}/x"]}}
  same: {uses: score, matrix: "${sft.matrix}", with: {checkpoints: "${sft.checkpoint}"}}
`, "sub.yaml": `belay: 1
stages: {deep: {uses: finetune, matrix: {k: [1]}, with: {checkpoint: m, data: d}}}
outputs: {all: "${deep.checkpoint}"}
`})
	if l.HasErrors() {
		t.Fatal(report(l))
	}
	for i := range g.Nodes {
		n, have := &g.Nodes[i], ""
		list, _ := n.Params["checkpoints"].([]any)
		for _, item := range list {
			o := item.(engine.Output)
			have += fmt.Sprintf("%s %t\n", g.Nodes[o.Node].ID, o.Cell)
		}
		want := map[string]string{
			"fan":       "sft[i=1] true\nsft[i=2] true\nsft[i=1] false\none false\nsub/deep[k=1] true\nsft[i=1] true\n",
			"same[i=1]": "sft[i=1] false\n", "same[i=2]": "sft[i=2] false\n",
		}[n.ID]
		if d := cmp.Diff(want, have); d != "" {
			t.Errorf("%s: %s", n.ID, d)
		}
	}
}

func TestGatesOfAMatrixDecideSideBySide(t *testing.T) {
	t.Parallel()
	g, l := compiledGate(t, t.TempDir(), "a.metrics.acc > 1")
	if l.HasErrors() {
		t.Fatal(report(l))
	}
	var wg sync.WaitGroup
	for i := range g.Nodes {
		if !strings.HasPrefix(g.Nodes[i].ID, "each[") {
			continue
		}
		for range 50 {
			wg.Go(func() {
				v, err := g.Nodes[i].Gates[0].Decide([]metric.Set{{"acc": 1.5}})
				if err != nil || v.Open != (g.Nodes[i].ID == "each[i=1]") || len(v.Read) != 1 {
					t.Errorf("%s: %v %v", g.Nodes[i].ID, v, err)
				}
			})
		}
	}
	wg.Wait()
}

// TestAGateChangesNothingElse holds that a condition on numbers leaves parameters, and so keys, as they are without it.
func TestAGateChangesNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain, l := compiledGate(t, dir, "true")
	if l.HasErrors() {
		t.Fatal(report(l))
	}
	rapid.Check(t, func(rt *rapid.T) {
		when := fmt.Sprintf("%s.metrics.%s %s %g %s (%s)", rapid.SampledFrom([]string{"a", "b", "many['i=1']"}).Draw(rt, "stage"),
			rapid.StringMatching(`[a-z]{3}x`).Draw(rt, "number"), rapid.SampledFrom([]string{"<", ">", "==", "!="}).Draw(rt, "than"), rapid.Float64Range(0, 9).Draw(rt, "bound"),
			rapid.SampledFrom([]string{"and", "or"}).Draw(rt, "joined"), rapid.SampledFrom([]string{"a.metrics.z > 1", "any(many.metrics, .q > params.n)"}).Draw(rt, "more"))
		g, l := compiledGate(t, dir, when)
		if l.HasErrors() {
			rt.Fatalf("%s: %s", when, report(l))
		}
		gates := 0
		for _, n := range g.Nodes {
			if n.ID == "gated" {
				gates = len(n.Gates)
			}
		}
		if gates != 1 {
			rt.Fatalf("%s: %d gates", when, gates)
		}
		if d := cmp.Diff(plain.Nodes, g.Nodes, cmpopts.IgnoreFields(engine.Node{}, "Gates", "Stage", "Origins")); d != "" {
			rt.Fatalf("%s: %s", when, d)
		}
	})
}
