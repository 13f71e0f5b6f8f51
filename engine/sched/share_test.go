package sched_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/sched"
	"github.com/belay-ml/belay/engine/store"
)

// fakeRemote is a remote in memory: records of another store, whose files are copied.
type fakeRemote struct {
	st *store.Store // of the workspace that asks

	mu      sync.Mutex
	records map[key.Key]*store.Record
	asked   []string
	pushed  []string
	onPull  func(ctx context.Context)
	onPush  func(ctx context.Context, rec *store.Record)
}

func newFakeRemote(b *bench) *fakeRemote {
	r := &fakeRemote{st: b.st, records: map[key.Key]*store.Record{}}
	b.opts.Remote = r
	return r
}

func (f *fakeRemote) String() string { return "fake://team" }

func (f *fakeRemote) get(k key.Key) *store.Record {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.records[k]
}

func (f *fakeRemote) Look(_ context.Context, k key.Key, _ []artifact.Port) *artifact.Manifest {
	if rec := f.get(k); rec != nil {
		return rec.Manifest
	}
	return nil
}

func (f *fakeRemote) Pull(ctx context.Context, k key.Key, ports []artifact.Port, ev event.Stage) *store.Record {
	f.mu.Lock()
	f.asked = append(f.asked, ev.Name)
	f.mu.Unlock()
	if f.onPull != nil {
		f.onPull(ctx)
	}
	rec := f.get(k)
	if rec == nil || ctx.Err() != nil {
		return nil
	}
	got, err := f.st.Import(ctx, rec.Manifest, func(ctx context.Context, in *store.Intake) error {
		for _, b := range in.Missing() {
			for _, file := range rec.Files {
				if file.Digest != b.Digest || !in.Wants(b) {
					continue
				}
				r, err := os.Open(rec.Root + "/" + file.Path)
				if err == nil {
					err = in.Put(ctx, b, 0, r)
					r.Close()
				}
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return got
}

func (f *fakeRemote) Push(ctx context.Context, rec *store.Record, _ event.Stage) {
	if f.onPush != nil {
		f.onPush(ctx, rec)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() == nil {
		f.pushed = append(f.pushed, rec.Made.Node)
		f.records[key.Key(rec.Key)] = rec
	}
}

// share lets a second workspace use the first one's remote.
func (f *fakeRemote) share(b *bench) *fakeRemote {
	other := newFakeRemote(b)
	other.records = f.records
	return other
}

func TestASecondWorkspaceRunsNothing(t *testing.T) {
	t.Parallel()
	b, ch := newBench(t), newChain()
	first := newFakeRemote(b)
	b.run(ch.graph("xyz"))
	want(t, "pushed", strings.Join(sorted(first.pushed), " "), "a b c")
	other := newBench(t)
	want(t, "plan without the remote", other.statuses(ch.graph("xyz")), "a stale: never ran\nb stale: never ran\nc stale: never ran")
	second := first.share(other)
	want(t, "plan", other.statuses(ch.graph("xyz")), "a remote: at fake://team\nb remote: at fake://team\nc remote: at fake://team")
	want(t, "a plan pulls nothing", len(second.asked), 0)
	r := other.run(ch.graph("xyz"))
	want(t, "runs", ch.runs(), "1 1 1")
	want(t, "output", other.output(r, "c"), "x!")
	want(t, "states", other.events.States("c"), []string{"wanted", "ready", "queued", "fresh"})
	for i := range r.Nodes {
		n := &r.Nodes[i]
		if !n.Fresh || !n.Pulled || n.Why != "from fake://team" {
			t.Errorf("node %s: %+v", n.ID, n)
		}
	}
	want(t, "pushed by the second", len(second.pushed), 0)
	asked := len(second.asked)
	other.run(ch.graph("xyz"))
	want(t, "a fresh run asks nobody", len(second.asked), asked)
	n, _ := other.plan(ch.graph("xyw")).Node("a")
	want(t, "explain knows the success", n.Why, `parameter text: "xyz" -> "xyw"`)
}

func sorted(in []string) []string {
	out := append([]string(nil), in...)
	for i := range out {
		for j := range i {
			if out[i] < out[j] {
				out[i], out[j] = out[j], out[i]
			}
		}
	}
	return out
}

func TestForcedAndUncachedStagesAskNobody(t *testing.T) {
	t.Parallel()
	b, ch := newBench(t), newChain()
	f := newFakeRemote(b)
	b.opts.Force = []string{"a"}
	g := ch.graph("x")
	g.Nodes[1].NoCache = true
	b.run(g)
	want(t, "asked", f.asked, []string{"c"})
	want(t, "pushed: what no cache is kept of is nobody's", sorted(f.pushed), []string{"a", "c"})
}

func TestPullingTakesNoCore(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.opts.CPU, b.opts.Jobs = 1, 1
	f := newFakeRemote(b)
	gate, plain := enginetest.NewGate(), enginetest.Concat()
	b.run(enginetest.Graph(enginetest.Node("p", plain, "1")))
	other := newBench(t)
	other.opts.CPU, other.opts.Jobs = 1, 1
	f.share(other)
	done := make(chan struct{})
	go func() {
		defer close(done)
		other.run(enginetest.Graph(enginetest.Node("g", gate, "0"), enginetest.Node("p", plain, "1")))
	}()
	<-gate.Started // the only core is taken
	enginetest.Wait(t, func() bool { return len(other.events.States("p")) == 4 })
	want(t, "states", other.events.States("p"), []string{"wanted", "ready", "queued", "fresh"})
	close(gate.Open)
	<-done
}

func TestPushingHoldsNothingUp(t *testing.T) {
	t.Parallel()
	b, ch := newBench(t), newChain()
	f := newFakeRemote(b)
	last := make(chan struct{})
	var once sync.Once
	ch.c.Do = func(_ context.Context, _ engine.In, out engine.Out) error {
		once.Do(func() { close(last) })
		return os.WriteFile(out.Path("out"), []byte("c"), 0o644)
	}
	f.onPush = func(context.Context, *store.Record) { <-last } // the first push ends after the last stage has begun
	b.run(ch.graph("x"))
	want(t, "pushed: the end waits for all", sorted(f.pushed), []string{"a", "b", "c"})
}

func TestACancelledRunDoesNotWaitForPushes(t *testing.T) {
	t.Parallel()
	b, ch := newBench(t), newChain()
	f := newFakeRemote(b)
	ctx, cancel := context.WithCancel(context.Background())
	f.onPush = func(ctx context.Context, _ *store.Record) { <-ctx.Done() }
	var r *sched.Result
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r, err = sched.Run(ctx, ch.graph("x"), b.st, b.opts, b.events)
	}()
	enginetest.Wait(t, func() bool { return len(b.events.States("c")) == 5 })
	cancel()
	<-ended
	if err != nil || r.Count(sched.Done) != 3 {
		t.Errorf("all was done before: %v, %d done", err, r.Count(sched.Done))
	}
	want(t, "pushed", len(f.pushed), 0)
}

func TestACancelledPullEndsTheRun(t *testing.T) {
	t.Parallel()
	b, ch := newBench(t), newChain()
	f := newFakeRemote(b)
	ctx, cancel := context.WithCancel(context.Background())
	f.onPull = func(ctx context.Context) { cancel(); <-ctx.Done() }
	r, err := sched.Run(ctx, ch.graph("x"), b.st, b.opts, b.events)
	if err == nil || r.Count(sched.Cancelled) != 3 {
		t.Errorf("error %v, %d cancelled", err, r.Count(sched.Cancelled))
	}
	want(t, "runs", ch.runs(), "0 0 0")
	lock, _, err := b.st.TryLock(r.Nodes[0].Key)
	if lock == nil || err != nil {
		t.Fatalf("its lock is still held: %v", err)
	}
	lock.Release()
}

func TestEqualWorkIsAskedForAndDoneOnce(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), enginetest.Concat()
	f := newFakeRemote(b)
	b.run(enginetest.Graph(enginetest.Node("a", s, "1"), enginetest.Node("b", s, "1")))
	want(t, "runs", s.Runs(), 1)
	want(t, "pushes", len(f.pushed), 1)
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
