package sched_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/sched"
)

// whys are the reasons of a run by node, "" for what did not run.
func whys(r *sched.Result) map[string]string {
	out := map[string]string{}
	for i := range r.Nodes {
		out[r.Nodes[i].ID] = r.Nodes[i].Why
	}
	return out
}

// readers is c <- b <- a <- in.txt, in which every change goes all the way.
func readers(in engine.Source) *engine.Graph {
	stage := enginetest.Concat()
	a := enginetest.Node("a", stage, "")
	a.Params["in"] = []any{in}
	a.Origins = map[string]string{"in": "r.yaml:5:9", "text": "-p text"}
	g := enginetest.Graph(a, enginetest.Node("b", stage, "!", 0), enginetest.Node("c", stage, "?", 1))
	g.Nodes[1].Origins = map[string]string{"in": "r.yaml:8:9", "in[0]": "r.yaml:8:10"}
	return g
}

func TestTheRootCauseIsFollowedThroughTheChain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.run(readers(b.write("in.txt", "x")))
	g := readers(b.write("in.txt", "y"))
	root := "a: input in[0] changed: in.txt (r.yaml:5:9)"
	want(t, "plan", b.statuses(g), "a stale: input in[0] changed: in.txt (r.yaml:5:9)\n"+
		"b maybe: upstream a is stale: input in[0] changed: in.txt (r.yaml:5:9)\nc maybe: upstream b is stale, because of "+root)
	want(t, "run", whys(b.run(g)), map[string]string{
		"a": "input in[0] changed: in.txt (r.yaml:5:9)",
		"b": "input in[0] changed: a.out (r.yaml:8:10), because of " + root,
		"c": "input in[0] changed: b.out, because of " + root,
	})
}

func TestTheRootCauseIsKnownAfterTheUpstreamStageRanAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.run(readers(b.write("in.txt", "x")))
	g := readers(b.write("in.txt", "y"))
	b.opts.Only = []string{"a"}
	b.run(g)
	b.opts.Only = nil
	root := "a: input in[0] changed: in.txt (r.yaml:5:9)"
	want(t, "plan", b.statuses(g), "a fresh\nb stale: input in[0] changed: a.out (r.yaml:8:10), because of "+root+
		"\nc maybe: upstream b is stale, because of "+root)
	want(t, "run", whys(b.run(g))["b"], "input in[0] changed: a.out (r.yaml:8:10), because of "+root)
}

func TestAStageThatWentBackToAnOldResultIsARootCauseToo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in := b.write("in.txt", "x")
	with := func(text, tail string) *engine.Graph {
		g := readers(in)
		g.Nodes[0].Params["text"], g.Nodes[1].Params["text"] = text, tail
		return g
	}
	b.run(with("1", "!"))
	b.run(with("2", "."))
	g := with("1", ".") // a's result is there, b's is not
	why := `input in[0] changed: a.out (r.yaml:8:10), because of a: parameter text: "2" -> "1" (-p text)`
	n, _ := b.plan(g).Node("b")
	want(t, "plan", n.Why, why)
	want(t, "run", whys(b.run(g))["b"], why)
}

func TestPlanAndRunGiveTheSameReasons(t *testing.T) {
	t.Parallel()
	in := func(b *bench) engine.Source { return b.write("in.txt", "x") }
	for name, c := range map[string]struct {
		change func(b *bench, g *engine.Graph)
		want   string
	}{
		"forced":         {func(b *bench, _ *engine.Graph) { b.opts.Force = []string{"a"} }, "forced"},
		"cache off":      {func(_ *bench, g *engine.Graph) { g.Nodes[0].NoCache = true }, "cache is off"},
		"another recipe": {func(_ *bench, g *engine.Graph) { g.Recipe, g.Nodes[0].Params["text"] = "other", "new" }, "never ran"},
		"a variable":     {func(_ *bench, g *engine.Graph) { g.Nodes[0].Env = map[string]string{"HOME": "/x"} }, `environment variable HOME: added, "/x"`},
		"two changes": {func(_ *bench, g *engine.Graph) {
			g.Nodes[0].Params["text"] = "1"
			g.Nodes[0].Env = map[string]string{"E": ""}
		}, `parameter text: "" -> "1" (-p text), and 1 more`},
		"another kind": {func(_ *bench, g *engine.Graph) {
			g.Nodes[0].Stage = &enginetest.Fake{Spec: enginetest.Spec("other"), Do: enginetest.Concat().Do}
		}, "stage: concat -> other"},
		"another place":      {func(b *bench, g *engine.Graph) { g.Nodes[0].Params["in"] = []any{b.write("more.txt", "y")} }, "input in[0]: in.txt -> more.txt (r.yaml:5:9)"},
		"an input more":      {func(b *bench, g *engine.Graph) { g.Nodes[0].Params["in"] = []any{in(b), b.write("2.txt", "y")} }, "input in[1]: added, 2.txt (r.yaml:5:9)"},
		"an input less":      {func(_ *bench, g *engine.Graph) { g.Nodes[0].Params["in"] = []any{} }, "input in[0]: removed, was in.txt"},
		"a lost result":      {func(b *bench, _ *engine.Graph) { lose(b) }, "its result is missing or damaged"},
		"a place that moved": {func(_ *bench, g *engine.Graph) { g.Nodes[0].Origins = map[string]string{"in": "r.yaml:99:1"} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.run(readers(in(b)))
			g := readers(in(b))
			c.change(b, g)
			n, _ := b.plan(g).Node("a")
			want(t, "plan", n.Why, c.want)
			if name == "two changes" {
				want(t, "changes", len(n.Reason.Changes), 2)
				want(t, "part", n.Reason.Changes[1].Part, key.PartEnv)
			}
			want(t, "run", whys(b.run(g))["a"], c.want)
		})
	}
}

// lose removes all artifacts.
func lose(b *bench) {
	b.Helper()
	items, err := b.st.List(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, it := range items {
		if err := os.Rename(filepath.Dir(it.Path), filepath.Join(b.TempDir(), "lost")); err != nil {
			b.Fatal(err)
		}
	}
}
