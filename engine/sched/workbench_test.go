package sched_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/event"
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

type sinkFunc func(event.Event)

func (f sinkFunc) Emit(e event.Event) { f(e) }

func hostname(t testing.TB) string {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
}
