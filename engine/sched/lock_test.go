package sched_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/lockfile"
	"github.com/belay-ml/belay/engine/sched"
)

// branch is a stage whose text floats while it is the name of a branch. Asked, it says at which commit the branch is.
type branch struct {
	*enginetest.Fake
	at    map[string]string
	asked int
}

func newBranch() *branch {
	return &branch{Fake: enginetest.Concat(), at: map[string]string{"main": commit(1)}}
}

func commit(n int) string { return string(artifact.HashText(fmt.Sprint("commit ", n)))[:40] }

func (b *branch) Floats(values map[string]any) []engine.Float {
	if name, _ := values["text"].(string); len(name) < 40 {
		return []engine.Float{{Param: "text", Kind: "hub", Name: []string{"org/x", name}}}
	}
	return nil
}

func (b *branch) Pin(_ context.Context, in engine.In, _ engine.Float) (string, error) {
	b.asked++
	name := in.Params.(*enginetest.Params).Text
	if c, ok := b.at[name]; ok {
		return c, nil
	}
	return "", fault.New(fault.Network, "no branch %s", name)
}

// lock renews the bench's lock file.
func (b *bench) lock(g *engine.Graph, l sched.Locking) (*sched.Locked, error) {
	l.Events = func(string) event.Stage { return event.Stage{} }
	got, err := sched.Lock(context.Background(), g, b.st, b.opts, l)
	if err == nil {
		if b.opts.Lock == nil {
			b.opts.Lock = &lockfile.File{}
		}
		for _, e := range got.Entries {
			b.opts.Lock.Set(e)
		}
		if b.opts.Lock, err = lockfile.Parse(b.opts.Lock.Format()); err != nil {
			b.Fatal(err)
		}
	}
	return got, err
}

func TestAPinnedBranchChangesNothingWhenItMoves(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), newBranch()
	c := enginetest.Concat()
	g := enginetest.Graph(enginetest.Node("base", s, "main"), enginetest.Node("c", c, "!", 0))
	if _, err := b.lock(g, sched.Locking{Resolve: true}); err != nil {
		t.Fatal(err)
	}
	r := b.run(g)
	want(t, "output", b.output(r, "c"), commit(1)+"!")
	n, _ := r.Node("base")
	want(t, "notes", n.Record.Notes, map[string]any{"pinned": map[string]any{"text": "main"}})
	s.at["main"] = commit(2)
	r = b.run(g)
	want(t, "output", b.output(r, "c"), commit(1)+"!")
	want(t, "runs and questions", fmt.Sprint(s.Runs(), c.Runs(), s.asked), "1 1 1")
	node, _ := b.plan(g).Node("base")
	want(t, "pins", fmt.Sprint(node.Pins), "[text main pinned to "+commit(1)[:12]+" by belay.lock:3]")

	// The key is that of a recipe that names the commit itself.
	direct := enginetest.Graph(enginetest.Node("base", s, commit(1)), enginetest.Node("c", c, "!", 0))
	want(t, "statuses", b.statuses(direct), "base fresh\nc fresh")

	if _, err := b.lock(g, sched.Locking{Resolve: true}); err != nil {
		t.Fatal(err)
	}
	want(t, "questions about what is pinned", s.asked, 1)
	if _, err := b.lock(g, sched.Locking{Resolve: true, Update: []string{"base"}}); err != nil {
		t.Fatal(err)
	}
	want(t, "output after the update", b.output(b.run(g), "c"), commit(2)+"!")
	if _, err := b.lock(g, sched.Locking{Resolve: true, Update: []string{"bse"}}); err == nil || !strings.Contains(fault.HintOf(err), "base") {
		t.Errorf("update of no stage: %v", err)
	}
}

func TestWithoutALockFileNothingIsPinned(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), newBranch()
	g := enginetest.Graph(enginetest.Node("base", s, "main"))
	r := b.run(g)
	want(t, "output", b.output(r, "base"), "main")
	n, _ := r.Node("base")
	want(t, "notes", n.Record.Notes, nil)
	want(t, "questions", s.asked, 0)
}

func TestALockOnlyTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), newBranch()
	g := enginetest.Graph(enginetest.Node("a", s, "main"), enginetest.Node("b", s, "main"), enginetest.Node("c", s, "gone"))
	got, err := b.lock(g, sched.Locking{})
	if err != nil {
		t.Fatal(err)
	}
	var things []string
	for _, e := range got.Missing {
		things = append(things, e.Thing())
	}
	want(t, "missing", things, []string{"hub org/x main", "hub org/x gone"})
	_, err = b.lock(g, sched.Locking{Resolve: true})
	if err == nil || err.Error() != "stage c: pin text: no branch gone" || fault.CodeOf(err) != fault.Network {
		t.Errorf("error %v", err)
	}
	want(t, "questions", s.asked, 2) // a and b ask the same
}

func TestSourcesAreComparedWithTheLockFile(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), newBranch()
	b.warnings = nil
	b.opts.Warn = func(text string) { b.warnings = append(b.warnings, text) }
	file, dir := b.write("data/a", "1"), b.write("data/dir/x", "1")
	dir.Path, dir.As = filepath.Dir(dir.Path), "data/dir"
	c := enginetest.Concat()
	n := enginetest.Node("n", c, "")
	n.Params["in"] = []any{file}
	m := enginetest.Node("m", folder(), "x=1")
	m.Params["in"] = []any{dir, file}
	g := enginetest.Graph(n, m)
	if _, err := b.lock(g, sched.Locking{Resolve: true}); err != nil {
		t.Fatal(err)
	}
	var things []string
	for _, e := range b.opts.Lock.Entries() {
		things = append(things, e.Thing())
	}
	want(t, "entries", things, []string{"dir data/dir", "file data/a"})
	b.opts.Locked = true
	b.run(g)
	want(t, "warnings", b.warnings, nil)

	b.write("data/a", "22")
	b.write("data/dir/x", "22")
	b.events = &enginetest.Events{}
	_, err := b.try(g)
	if err == nil || err.Error() != "data/a is not what belay.lock:5 pins\ndata/dir is not what belay.lock:3 pins" || fault.CodeOf(err) != fault.Data {
		t.Errorf("error %v", err)
	}
	want(t, "runs", c.Runs(), 1)
	want(t, "events before the error", b.events.States("n"), nil)
	b.opts.Locked = false
	b.opts.Only = []string{"n"} // which does not read the folder
	b.run(g)
	want(t, "warnings", b.warnings, []string{"data/a is not what belay.lock:5 pins"})

	b.opts.Locked, b.opts.Only = true, nil
	more := b.write("more", "1")
	n.Params["in"] = []any{more}
	_, err = b.try(enginetest.Graph(n, enginetest.Node("f", s, "main")))
	if err == nil || err.Error() != "f: hub org/x main is not in belay.lock\nmore is not in belay.lock" {
		t.Errorf("error %v", err)
	}
	if err := os.Remove(more.Path); err != nil {
		t.Fatal(err)
	}
	if _, err = b.try(enginetest.Graph(n)); err == nil || !strings.Contains(err.Error(), "read input more") {
		t.Errorf("error %v", err)
	}
}
