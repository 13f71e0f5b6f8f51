package sched_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/sched"
)

func TestASecondRunRunsNothing(t *testing.T) {
	t.Parallel()
	b, ch := newBench(t), newChain()
	r := b.run(ch.graph("xyz"))
	want(t, "output", b.output(r, "c"), "x!")
	want(t, "states", b.events.States("a"), []string{"wanted", "ready", "queued", "running", "done"})
	link, err := os.ReadFile(filepath.Join(b.dir, "out/test/result"))
	want(t, "linked output", string(link), "x!")
	if err != nil {
		t.Error(err)
	}
	b.events = &enginetest.Events{}
	b.run(ch.graph("xyz"))
	want(t, "runs", ch.runs(), "1 1 1")
	want(t, "states", b.events.States("c"), []string{"wanted", "ready", "fresh"})
	want(t, "plan", b.statuses(ch.graph("xyz")), "a fresh\nb fresh\nc fresh")
}

func TestAnUnchangedOutputStopsTheWave(t *testing.T) {
	t.Parallel()
	b, ch := newBench(t), newChain()
	b.run(ch.graph("xyz"))
	want(t, "plan", b.statuses(ch.graph("xxx")),
		"a stale: parameter text: \"xyz\" -> \"xxx\"\nb maybe: upstream a is stale: parameter text: \"xyz\" -> \"xxx\"\n"+
			"c maybe: upstream b is stale, because of a: parameter text: \"xyz\" -> \"xxx\"")
	b.run(ch.graph("xxx"))
	want(t, "runs: b made the same bytes, so c did not run", ch.runs(), "2 2 1")
}

func TestSwitchingBackRunsNothing(t *testing.T) {
	t.Parallel()
	b, ch := newBench(t), newChain()
	b.run(ch.graph("x"))
	b.run(ch.graph("y"))
	want(t, "runs", ch.runs(), "2 2 2")
	r := b.run(ch.graph("x"))
	want(t, "runs", ch.runs(), "2 2 2")
	want(t, "output", b.output(r, "c"), "x!")
	link, _ := os.ReadFile(filepath.Join(b.dir, "out/test/result"))
	want(t, "linked output", string(link), "x!")
}

func TestUnkeyedThingsChangeNothing(t *testing.T) {
	t.Parallel()
	b, ch := newBench(t), newChain()
	b.run(ch.graph("x"))
	g := ch.graph("x")
	n := &g.Nodes[0]
	n.Params["log"], n.Params["secret"] = 7, "token"
	n.ID, n.Retry.Max, n.Timeout, n.Resources.CPU = "renamed", 3, time.Hour, 2
	b.run(g)
	want(t, "runs", ch.runs(), "1 1 1")
}

func TestWhatIsKeyedChangesTheKey(t *testing.T) {
	t.Parallel()
	b, ch := newBench(t), newChain()
	b.run(ch.graph("x"))
	for i, c := range []struct {
		why    string
		change func(*engine.Graph)
	}{
		{"stage version: 1 -> 2", func(*engine.Graph) { ch.a.Spec.Version = 2 }},
		{"backend: added, cpu", func(*engine.Graph) { ch.a.Spec.Backend = true; b.opts.Backend = "cpu" }},
		{`environment variable E: added, "1"`, func(g *engine.Graph) { g.Nodes[0].Env = map[string]string{"E": "1"} }},
	} {
		g := ch.graph("x")
		c.change(g)
		n, _ := b.plan(g).Node("a")
		want(t, "why", n.Why, c.why)
		b.run(g)
		want(t, "runs of a", ch.a.Runs(), i+2)
	}
}

func TestTouchingASourceRunsNothing(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), enginetest.Concat()
	n := enginetest.Node("a", s, "")
	n.Params["in"] = []any{b.write("in.txt", "x")}
	g := enginetest.Graph(n)
	b.run(g)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(b.dir, "in.txt"), old, old); err != nil {
		t.Fatal(err)
	}
	b.run(g)
	want(t, "runs", s.Runs(), 1)
}

// A change of the same size right after a run, so within the same clock tick where that is coarse.
func TestAChangeRightAfterARunIsSeen(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), enginetest.Concat()
	n := enginetest.Node("a", s, "")
	for i := range 20 {
		text := fmt.Sprintf("%02d", i)
		n.Params["in"] = []any{b.write("in.txt", text)}
		want(t, "output", b.output(b.run(enginetest.Graph(n)), "a"), text)
	}
}

func TestExplainNamesTheFileThatChanged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	read := &enginetest.Fake{Spec: enginetest.Spec("dir"), Do: func(_ context.Context, in engine.In, out engine.Out) error {
		return os.WriteFile(out.Path("out"), []byte("x"), 0o644)
	}}
	b.write("data/a.txt", "1")
	b.write("data/b.txt", "1")
	n := enginetest.Node("a", read, "")
	n.Params["in"] = []any{engine.Source{Path: filepath.Join(b.dir, "data"), As: "data"}}
	b.run(enginetest.Graph(n))
	b.write("data/b.txt", "2")
	want(t, "plan", b.statuses(enginetest.Graph(n)), "a stale: input in[0] changed: data: b.txt changed")
}

func TestDamagedOutputsAreRebuilt(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(path string) error{
		"changed":                 func(p string) error { return rewrite(p, "y!") },
		"shortened":               func(p string) error { return rewrite(p, "") },
		"deleted":                 os.Remove,
		"made executable":         func(p string) error { return os.Chmod(p, 0o755) },
		"a file more":             func(p string) error { return os.WriteFile(p+"2", nil, 0o644) },
		"whole artifact deleted":  func(p string) error { return os.RemoveAll(filepath.Dir(filepath.Dir(p))) },
		"replaced by a directory": func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o755)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, ch := newBench(t), newChain()
			n, _ := b.run(ch.graph("x")).Node("c")
			path := n.Record.Path("out")
			if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := harm(path); err != nil {
				t.Fatal(err)
			}
			r := b.run(ch.graph("x"))
			want(t, "runs", ch.runs(), "1 1 2")
			want(t, "output", b.output(r, "c"), "x!")
			if len(b.warnings) == 0 && name != "whole artifact deleted" {
				t.Error("nobody was warned")
			}
		})
	}
}

func rewrite(path, text string) error {
	return errors.Join(os.Chmod(path, 0o644), os.WriteFile(path, []byte(text), 0o644), os.Chmod(path, 0o444))
}

func TestAMovedWorkspaceStaysFresh(t *testing.T) {
	t.Parallel()
	b, ch := newBench(t), newChain()
	b.run(ch.graph("x"))
	b.st.Close()
	moved := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Rename(b.dir, moved); err != nil {
		t.Fatal(err)
	}
	b.dir = moved
	b.open()
	b.run(ch.graph("x"))
	want(t, "runs", ch.runs(), "1 1 1")
	link, _ := os.ReadFile(filepath.Join(moved, "out/test/result"))
	want(t, "linked output", string(link), "x!")
}

func TestSelection(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		opts sched.Options
		want string // runs of a, b, c, and d beside them
	}{
		{"everything", sched.Options{}, "1 1 1 1"},
		{"one stage and what it needs", sched.Options{Only: []string{"b"}}, "1 1 0 0"},
		{"up to a stage, and what is beside it", sched.Options{Until: []string{"a"}}, "1 0 0 1"},
		{"up to two stages, one after the other", sched.Options{Until: []string{"a", "c"}}, "1 1 1 1"},
		{"one stage, but not beyond", sched.Options{Only: []string{"c"}, Until: []string{"b"}}, "1 1 0 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, ch, d := newBench(t), newChain(), enginetest.Concat()
			b.opts.Only, b.opts.Until = c.opts.Only, c.opts.Until
			g := ch.graph("x")
			g.Nodes = append(g.Nodes, enginetest.Node("d", d, "d"))
			b.run(g)
			want(t, "runs", ch.runs()+" "+fmt.Sprint(d.Runs()), c.want)
		})
	}
	b := newBench(t)
	b.opts.Only = []string{"aa"}
	_, err := b.try(newChain().graph("x"))
	want(t, "exit code", fault.CodeOf(err), fault.Usage)
	want(t, "hint", fault.HintOf(err), "did you mean a?")
}

func TestForceRunsAgain(t *testing.T) {
	t.Parallel()
	b, ch := newBench(t), newChain()
	b.run(ch.graph("x"))
	b.opts.Force = []string{"b"}
	b.run(ch.graph("x"))
	want(t, "runs", ch.runs(), "1 2 1")
	b.opts.Force = []string{"*"}
	b.run(ch.graph("x"))
	want(t, "runs", ch.runs(), "2 3 2")
}

func TestWithoutCacheAStageAlwaysRuns(t *testing.T) {
	t.Parallel()
	b, ch := newBench(t), newChain()
	g := ch.graph("x")
	g.Nodes[1].NoCache = true
	b.run(g)
	b.run(g)
	want(t, "runs", ch.runs(), "1 2 1")
}

func TestEqualWorkRunsOnce(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), enginetest.Concat()
	r := b.run(enginetest.Graph(enginetest.Node("a", s, "x"), enginetest.Node("b", s, "x"), enginetest.Node("c", s, "x")))
	want(t, "runs", s.Runs(), 1)
	want(t, "done", r.Count(sched.Done), 3)
}

func TestSwitchedOffStages(t *testing.T) {
	t.Parallel()
	b, ch, d := newBench(t), newChain(), enginetest.Concat()
	g := ch.graph("x")
	g.Nodes[1].Off = "when is false"
	after := enginetest.Node("d", d, "d")
	after.Needs = []int{1}
	g.Nodes = append(g.Nodes, after)
	want(t, "plan", b.statuses(g), "a stale: never ran\nb off: when is false\nc off: reads b, which is off (when is false)\nd stale: never ran")
	r := b.run(g)
	want(t, "runs", ch.runs()+" "+fmt.Sprint(d.Runs()), "1 0 0 1")
	n, _ := r.Node("c")
	want(t, "state of c", n.State, sched.Skipped)
}

func TestDownstreamKinds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	check := &enginetest.Fake{Spec: enginetest.Spec("check")}
	check.Do = func(_ context.Context, in engine.In, out engine.Out) error {
		ref := in.Params.(*enginetest.Params).In[0]
		if ref.Kind != artifact.Text || ref.Label != "a.out" || !ref.Digest.Valid() || !filepath.IsAbs(ref.Path) {
			t.Errorf("given %+v", ref)
		}
		if in.CPU != 1 || in.Work == "" {
			t.Errorf("given %+v", in)
		}
		return os.WriteFile(out.Path("out"), nil, 0o644)
	}
	r := b.run(enginetest.Graph(enginetest.Node("a", enginetest.Concat(), "x"), enginetest.Node("b", check, "", 0)))
	m := r.Nodes[1].Record.Manifest
	want(t, "parents", m.Parents, map[string]artifact.Digest{"a.out": r.Nodes[0].Record.Ports["out"].Digest})
	want(t, "made", []string{m.Made.Recipe, m.Made.Node, m.Made.Host, m.Stage}, []string{"test", "b", "test", "check"})
}

func TestAMissingSourceIsADataError(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	n := enginetest.Node("a", enginetest.Concat(), "")
	n.Params["in"] = []any{engine.Source{Path: filepath.Join(b.dir, "nope"), As: "nope"}}
	_, err := b.try(enginetest.Graph(n))
	want(t, "exit code", fault.CodeOf(err), fault.Data)
	if !strings.Contains(err.Error(), "stage a: read input nope: ") {
		t.Error(err)
	}
}

func TestBadGraphsAreRefused(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), enginetest.Concat()
	for text, g := range map[string]*engine.Graph{
		"has no such port":         enginetest.Graph(enginetest.Node("a", s, ""), engine.Node{ID: "b", Stage: s, Params: map[string]any{"in": []any{engine.Output{Node: 0, Port: "x"}}}}),
		"does not come before":     enginetest.Graph(enginetest.Node("a", s, "", 0)),
		"two nodes are called a":   enginetest.Graph(enginetest.Node("a", s, ""), enginetest.Node("a", s, "")),
		`unknown parameter "nope"`: enginetest.Graph(engine.Node{ID: "a", Stage: s, Params: map[string]any{"nope": 1}}),
	} {
		if _, err := b.try(g); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("error %v, want %q", err, text)
		}
	}
}
