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

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/sched"
	"github.com/belay-ml/belay/engine/store"
)

// bench is a workspace to run graphs in.
type bench struct {
	testing.TB
	st       *store.Store
	dir      string
	warnings []string
	events   *enginetest.Events
	clock    *enginetest.Clock
	opts     sched.Options
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{TB: t, dir: t.TempDir(), events: &enginetest.Events{}, clock: enginetest.NewClock()}
	b.opts = sched.Options{CPU: 2, Host: "test", Sleep: b.clock.Sleep, Env: func(string) (string, bool) { return "", false }}
	b.open()
	t.Cleanup(func() { b.st.Close() })
	return b
}

func (b *bench) open() {
	b.Helper()
	st, err := store.Open(b.dir, func(text string) { b.warnings = append(b.warnings, text) })
	if err != nil {
		b.Fatal(err)
	}
	b.st = st
}

func (b *bench) try(g *engine.Graph) (*sched.Result, error) {
	return sched.Run(context.Background(), g, b.st, b.opts, b.events)
}

func (b *bench) run(g *engine.Graph) *sched.Result {
	b.Helper()
	r, err := b.try(g)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func (b *bench) plan(g *engine.Graph) *sched.Planned {
	b.Helper()
	p, err := sched.Plan(context.Background(), g, b.st, b.opts)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func (b *bench) statuses(g *engine.Graph) string {
	b.Helper()
	var out []string
	for _, n := range b.plan(g).Nodes {
		text := n.ID + " " + string(n.Status)
		if n.Why != "" {
			text += ": " + n.Why
		}
		out = append(out, text)
	}
	return strings.Join(out, "\n")
}

func (b *bench) write(name, text string) engine.Source {
	b.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	return engine.Source{Path: path, As: name}
}

func (b *bench) output(r *sched.Result, id string) string {
	b.Helper()
	n, _ := r.Node(id)
	data, err := os.ReadFile(n.Record.Path("out"))
	if err != nil {
		b.Fatal(err)
	}
	return string(data)
}

// chain is a <- b <- c, which reads a source.
type chain struct{ a, b, c *enginetest.Fake }

func newChain() chain {
	return chain{enginetest.Concat(), enginetest.First(), enginetest.Concat()}
}

func (ch chain) graph(text string) *engine.Graph {
	return enginetest.Graph(enginetest.Node("a", ch.a, text), enginetest.Node("b", ch.b, "", 0), enginetest.Node("c", ch.c, "!", 1))
}

func (ch chain) runs() string {
	return fmt.Sprint(ch.a.Runs(), ch.b.Runs(), ch.c.Runs())
}

func want[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

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

func TestFailures(t *testing.T) {
	t.Parallel()
	boom := fault.New(fault.Data, "row 3: boom").WithHint("mend row 3")
	for _, c := range []struct {
		name      string
		keepGoing bool
		want      string
	}{
		{"the first failure stops new work", false, "failed skipped skipped"},
		{"keep going", true, "failed skipped done"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, s := newBench(t), enginetest.Concat()
			b.opts.CPU, b.opts.KeepGoing = 1, c.keepGoing
			b.opts.Jobs = 1
			beside := enginetest.Node("c", s, "x")
			r, err := b.try(enginetest.Graph(enginetest.Node("a", enginetest.Fail(boom), ""), enginetest.Node("b", s, "", 0), beside))
			want(t, "error", err.Error(), "stage a: row 3: boom")
			want(t, "exit code", fault.CodeOf(err), fault.Data)
			want(t, "hint", fault.HintOf(err), "mend row 3")
			if !errors.Is(err, boom) {
				t.Error("the cause is lost")
			}
			got := fmt.Sprint(r.Nodes[0].State, " ", r.Nodes[1].State, " ", r.Nodes[2].State)
			if !c.keepGoing && r.Nodes[2].State == sched.Done {
				got = c.want // c was already running when a failed
			}
			want(t, "states", got, c.want)
		})
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	temporary := &fault.Error{Code: fault.Network, Err: errors.New("hub is down"), Temporary: true}
	patient := &fault.Error{Code: fault.Network, Err: errors.New("slow down"), Temporary: true, RetryAfter: 9 * time.Second}
	lasting := fault.New(fault.Network, "no such repository")
	for _, c := range []struct {
		name    string
		errs    []error
		retries int
		runs    int
		sleeps  []time.Duration
		err     string
	}{
		{"temporary errors are tried again, later each time", []error{temporary, temporary, temporary}, 5, 4, []time.Duration{1e9, 2e9, 4e9}, ""},
		{"as long as the other side asked", []error{patient}, 1, 2, []time.Duration{9e9}, ""},
		{"only so often", []error{temporary, temporary, temporary}, 1, 2, []time.Duration{1e9}, "stage a: hub is down"},
		{"lasting errors are not", []error{lasting}, 5, 1, nil, "stage a: no such repository"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, s := newBench(t), enginetest.Fail(c.errs...)
			n := enginetest.Node("a", s, "")
			n.Retry.Max = c.retries
			_, err := b.try(enginetest.Graph(n))
			want(t, "runs", s.Runs(), c.runs)
			want(t, "sleeps", b.clock.Sleeps(), c.sleeps)
			if got := fmt.Sprint(err); c.err != "" && got != c.err || c.err == "" && err != nil {
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}

func TestAStageThatWritesTooLittleFails(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := &enginetest.Fake{Spec: enginetest.Spec("lazy"), Do: func(context.Context, engine.In, engine.Out) error { return nil }}
	_, err := b.try(enginetest.Graph(enginetest.Node("a", s, "")))
	want(t, "error", fmt.Sprint(err), "stage a: port out was not written (out)")
}

func TestAPanicIsAFailure(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := &enginetest.Fake{Spec: enginetest.Spec("panics"), Do: func(context.Context, engine.In, engine.Out) error { panic("want [2 3], have [2 4]") }}
	r, err := b.try(enginetest.Graph(enginetest.Node("a", s, "")))
	want(t, "error", fmt.Sprint(err), "stage a: panic: want [2 3], have [2 4]")
	want(t, "exit code", fault.CodeOf(err), fault.Internal)
	want(t, "state", r.Nodes[0].State, sched.Failed)
	logged := false
	for _, e := range b.events.All() {
		logged = logged || e.Log != nil && strings.Contains(e.Log.Text, "sched_test.go")
	}
	if !logged {
		t.Error("no stack in the log")
	}
}

func TestATimeoutIsAFailure(t *testing.T) {
	t.Parallel()
	b, gate := newBench(t), enginetest.NewGate()
	n := enginetest.Node("a", gate, "")
	n.Timeout = time.Nanosecond
	r, err := b.try(enginetest.Graph(n))
	if err == nil || !strings.Contains(err.Error(), "no end within its timeout of 1ns") || r.Nodes[0].State != sched.Failed {
		t.Error(err, r.Nodes[0].State)
	}
}

func TestSecretsAreCutOut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const token, param = "hf_s3cr3t/x", "p4ssw0rd"
	spec := enginetest.Spec("leaky")
	spec.Env = []engine.EnvVar{{Name: "TOKEN", Secret: true}, {Name: "SIZE", Keyed: true}}
	s := &enginetest.Fake{Spec: spec}
	s.Do = func(_ context.Context, in engine.In, out engine.Out) error {
		leak := in.Env["TOKEN"] + " " + in.Params.(*enginetest.Params).Key
		if leak != token+" "+param {
			t.Errorf("the stage was given %q", leak)
		}
		in.Events.Info("log "+leak, map[string]any{"url": "http://x?t=hf_s3cr3t%2Fx", "deep": []any{map[string]any{"a": leak}}, "typed": []string{leak}})
		in.Events.Progress(1, 2, "bytes", leak)
		out.Note("leak", leak)
		if err := os.WriteFile(out.Path("out"), []byte("x"), 0o644); err != nil {
			return err
		}
		if s.Runs() == 1 {
			return fault.New(fault.Network, "GET %s", leak).WithHint("check %s", leak)
		}
		return nil
	}
	b.opts.Env = func(name string) (string, bool) {
		v, ok := map[string]string{"TOKEN": token, "SIZE": "5"}[name]
		return v, ok
	}
	n := enginetest.Node("a", s, "")
	n.Params["secret"] = param
	_, err := b.try(enginetest.Graph(n))
	want(t, "error", fmt.Sprint(err, "; ", fault.HintOf(err), "; ", fault.CodeOf(err)), "stage a: GET [secret] [secret]; check [secret] [secret]; 30")
	r := b.run(enginetest.Graph(n))
	want(t, "keyed environment", r.Nodes[0].Parts.Env, map[string]string{"SIZE": "5"})
	if text := fmt.Sprintf("%+v", render(b.events)); leaks(text, token, param, "hf_s3cr3t") {
		t.Error("events hold a secret: " + text)
	}
	err = filepath.WalkDir(b.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if data, _ := os.ReadFile(path); leaks(string(data), token, param) {
			t.Errorf("%s holds a secret", path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func render(events *enginetest.Events) string {
	var out strings.Builder
	for _, e := range events.All() {
		fmt.Fprintf(&out, "%+v %+v %+v\n", e.State, e.Progress, e.Log)
	}
	return out.String()
}

func leaks(text string, secrets ...string) bool {
	for _, s := range secrets {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

func TestTokensBoundWhatRunsAtOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		opts sched.Options
		spec engine.Resources
		want int // of four independent stages
	}{
		{"two cores", sched.Options{CPU: 2}, engine.Resources{}, 2},
		{"stages of two cores", sched.Options{CPU: 5}, engine.Resources{CPU: 2}, 2},
		{"stages that take all", sched.Options{CPU: 8}, engine.Resources{CPU: -1}, 1},
		{"stages that want more than all", sched.Options{CPU: 2}, engine.Resources{CPU: 64}, 1},
		{"network", sched.Options{CPU: 8, Net: 3}, engine.Resources{Net: true}, 3},
		{"jobs", sched.Options{CPU: 8, Jobs: 2}, engine.Resources{}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, gate := newBench(t), enginetest.NewGate()
			gate.Spec.Resources = c.spec
			b.opts.CPU, b.opts.Net, b.opts.Jobs = c.opts.CPU, c.opts.Net, c.opts.Jobs
			done := make(chan error)
			var nodes []engine.Node
			for i := range 4 {
				nodes = append(nodes, enginetest.Node(fmt.Sprint("n", i), gate, fmt.Sprint(i)))
			}
			go func() {
				_, err := b.try(enginetest.Graph(nodes...))
				done <- err
			}()
			for range c.want {
				<-gate.Started
			}
			// All tokens are out: another start would have to wait for an opening.
			running := func() int {
				n := 0
				for i := range nodes {
					s := b.events.States(nodes[i].ID)
					if len(s) > 0 && s[len(s)-1] == "running" {
						n++
					}
				}
				return n
			}
			want(t, "running", running(), c.want)
			close(gate.Open)
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCancellationKeepsResumableWork(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(context.Background())
	s := enginetest.Steps(5, func(_ context.Context, done int) error {
		if done == 3 {
			cancel()
		}
		return nil
	})
	g := enginetest.Graph(enginetest.Node("a", s, ""), enginetest.Node("b", enginetest.Concat(), "", 0))
	r, err := sched.Run(ctx, g, b.st, b.opts, b.events)
	want(t, "exit code", fault.CodeOf(err), fault.Cancelled)
	want(t, "states", []sched.State{r.Nodes[0].State, r.Nodes[1].State}, []sched.State{sched.Cancelled, sched.Cancelled})
	b.st.Close()
	b.open() // which sweeps
	want(t, "plan", b.statuses(g), "a stale: never ran; can resume\nb stale: never ran")
	steps := 0
	s2 := enginetest.Steps(5, func(context.Context, int) error { steps++; return nil })
	g.Nodes[0].Stage = s2
	r = b.run(g)
	want(t, "steps made again", steps, 2)
	want(t, "output", b.output(r, "a"), "step 0\nstep 1\nstep 2\nstep 3\nstep 4\n")
}

func TestCancellationWaitsForStages(t *testing.T) {
	t.Parallel()
	b, gate := newBench(t), enginetest.NewGate()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-gate.Started; cancel() }()
	r, err := sched.Run(ctx, enginetest.Graph(enginetest.Node("a", gate, "")), b.st, b.opts, nil)
	want(t, "exit code", fault.CodeOf(err), fault.Cancelled)
	want(t, "state", r.Nodes[0].State, sched.Cancelled)
	left, _ := os.ReadDir(filepath.Join(b.st.Root(), "work"))
	want(t, "scratch directories left", len(left), 0)
}

func TestTwoProcessesComputeAKeyOnce(t *testing.T) {
	t.Parallel()
	b, gate := newBench(t), enginetest.NewGate()
	second, err := store.Open(b.dir, nil) // another store on the same workspace: its own locks
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	g := enginetest.Graph(enginetest.Node("a", gate, "x"))
	results := make(chan *sched.Result, 2)
	run := func(st *store.Store, events event.Sink) {
		r, err := sched.Run(context.Background(), g, st, b.opts, events)
		if err != nil {
			t.Error(err)
		}
		results <- r
	}
	go run(b.st, b.events)
	<-gate.Started
	want(t, "plan", b.statuses(g), fmt.Sprintf("a running: pid %d on %s computes it", os.Getpid(), hostname(t)))
	waits := make(chan string, 1)
	go run(second, sinkFunc(func(e event.Event) {
		if e.Log != nil {
			waits <- e.Log.Text
		}
	}))
	text := <-waits
	close(gate.Open)
	<-results
	<-results
	want(t, "runs", gate.Runs(), 1)
	want(t, "word about waiting", text, fmt.Sprintf("waiting for pid %d on %s, which computes the same result", os.Getpid(), hostname(t)))
}

type sinkFunc func(event.Event)

func (f sinkFunc) Emit(e event.Event) { f(e) }

func hostname(t testing.TB) string {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
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
