package sched_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/sched"
	"github.com/belay-ml/belay/engine/store"
)

// asking is a node that asks for resources.
func asking(id string, s engine.Stage, res engine.Resources) engine.Node {
	n := enginetest.Node(id, s, id)
	n.Resources = res
	return n
}

// running are the nodes that run by the events so far.
func running(events *enginetest.Events) string {
	now := map[string]bool{}
	for _, e := range events.All() {
		if e.State != nil {
			now[e.Stage] = e.State.To == "running"
		}
	}
	var out []string
	for id, runs := range now {
		if runs {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// eventually polls a condition; the limit is for what is broken.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	limit, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for !cond() {
		if limit.Err() != nil {
			t.Fatalf("never: %s", what)
		}
		runtime.Gosched()
	}
}

// start runs a graph beside the test.
func (b *bench) start(g *engine.Graph) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := b.try(g)
		done <- err
	}()
	return done
}

func TestWhatFitsRunsSideBySide(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	for _, c := range []struct {
		name string
		spec engine.Resources
		ask  []engine.Resources
		want []string // sets that use all there is; which one depends on who is ready first
	}{
		{"memory", engine.Resources{}, []engine.Resources{{Memory: 6 * gib}, {Memory: 6 * gib}, {Memory: 2 * gib}}, []string{"a c", "b c"}},
		{"memory that the stage's kind asks for", engine.Resources{Memory: 6 * gib}, []engine.Resources{{}, {}, {Memory: gib}}, []string{"a c", "b c"}},
		{"devices", engine.Resources{}, []engine.Resources{{NPU: 1}, {NPU: 2}, {NPU: 1}, {}}, []string{"a c d", "b d"}},
		{"cores of the recipe before those of the kind", engine.Resources{CPU: -1}, []engine.Resources{{CPU: 3}, {}, {CPU: 1}}, []string{"a c", "b"}},
		{"network", engine.Resources{}, []engine.Resources{{Net: true}, {Net: true}, {}}, []string{"a c", "b c"}},
		{"a mutex", engine.Resources{}, []engine.Resources{{Mutex: []string{"db"}}, {Mutex: []string{"x", "db"}}, {Mutex: []string{"x"}}}, []string{"a c", "b"}},
		{"a mutex of the kind, and one of the recipe", engine.Resources{Mutex: []string{"kind"}}, []engine.Resources{{Mutex: []string{"x"}}, {}, {Mutex: []string{"y"}}}, []string{"a", "b", "c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, gate := newBench(t), enginetest.NewGate()
			gate.Spec.Resources = c.spec
			b.opts.CPU, b.opts.Memory, b.opts.NPU, b.opts.Net = 4, 8*gib, 2, 1
			var nodes []engine.Node
			for i, res := range c.ask {
				nodes = append(nodes, asking(string(rune('a'+i)), gate, res))
			}
			// Every set of nodes that ever runs must be one of want, or on the way to one.
			var seen []string
			sink := sinkFunc(func(e event.Event) {
				b.events.Emit(e)
				if e.State != nil {
					seen = append(seen, running(b.events))
				}
			})
			done := make(chan error, 1)
			go func() {
				_, err := sched.Run(context.Background(), enginetest.Graph(nodes...), b.st, b.opts, sink)
				done <- err
			}()
			eventually(t, "all is used", func() bool { return slices.Contains(c.want, running(b.events)) })
			close(gate.Open)
			if err := <-done; err != nil {
				t.Error(err)
			}
			for _, set := range seen {
				fits := func(w string) bool {
					return !slices.ContainsFunc(strings.Fields(set), func(id string) bool { return !strings.Contains(w, id) })
				}
				if !slices.ContainsFunc(c.want, fits) {
					t.Errorf("%s ran side by side", set)
				}
			}
			want(t, "runs", gate.Runs(), len(nodes))
		})
	}
}

func TestBigWorkIsNotOvertakenForEver(t *testing.T) {
	t.Parallel()
	b, gate := newBench(t), enginetest.NewGate()
	b.opts.CPU = 2
	nodes := []engine.Node{asking("holder", gate, engine.Resources{CPU: 1}), asking("big", gate, engine.Resources{CPU: 2})}
	for i := range 30 {
		nodes = append(nodes, asking(fmt.Sprint("small", i), gate, engine.Resources{CPU: 1}))
	}
	done := b.start(enginetest.Graph(nodes...))
	for range nodes { // one ends, others start
		gate.Open <- struct{}{}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	overtook, waits := 0, false
	for _, e := range b.events.All() {
		switch {
		case e.State == nil, e.Stage == "holder": // who comes before it overtakes nobody
		case e.Stage == "big":
			waits = e.State.To == "queued"
		case waits && e.State.To == "running":
			overtook++
		}
	}
	if overtook > 8 {
		t.Errorf("%d of %d started while the big one waited", overtook, len(nodes))
	}
}

func TestWhatCanNeverFitIsRefusedBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		ask        engine.Resources
		text, hint string
	}{
		{"memory", engine.Resources{Memory: 64 << 30}, "stage big: r.yaml:3:5: it asks for 64 GiB of memory, there are 8 GiB to hand out", "--memory"},
		{"devices", engine.Resources{NPU: 3}, "stage big: r.yaml:3:5: it asks for 3 NPUs, there are 0 to hand out", "--npus"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, s := newBench(t), enginetest.Concat()
			b.opts.Memory = 8 << 30
			big := asking("big", s, c.ask)
			big.Pos = "r.yaml:3:5"
			big.Params["in"] = []any{engine.Output{Node: 0, Port: "out"}}
			g := enginetest.Graph(enginetest.Node("small", s, "x"), big)
			_, err := b.try(g)
			if err == nil || err.Error() != c.text || fault.CodeOf(err) != fault.Recipe || !strings.Contains(fault.HintOf(err), c.hint) {
				t.Errorf("code %d, error %v, hint %q", fault.CodeOf(err), err, fault.HintOf(err))
			}
			want(t, "runs", s.Runs(), 0)

			// It is no matter where the result is there, or not wanted, or where there is enough.
			b.opts.Only = []string{"small"}
			b.run(g)
			b.opts.Only, b.opts.Memory, b.opts.NPU = nil, 64<<30, 3
			b.run(g)
			want(t, "runs", s.Runs(), 2)
			b.opts.Memory, b.opts.NPU = 8<<30, 0
			b.run(g)
			want(t, "runs", s.Runs(), 2)
		})
	}
}

func TestWhatTurnsOutToBeStaleAndTooBigFails(t *testing.T) {
	t.Parallel()
	b, ch := newBench(t), newChain()
	graph := func(text string) *engine.Graph {
		g := ch.graph(text)
		g.Nodes[2].Resources.NPU = 1
		return g
	}
	b.opts.NPU = 1
	b.run(graph("xyz"))
	b.opts.NPU = 0
	b.run(graph("xab")) // b gives the same, so c is fresh
	want(t, "runs", ch.runs(), "2 2 1")
	r, err := b.try(graph("yab"))
	if err == nil || err.Error() != "stage c: it asks for 1 NPUs, there are 0 to hand out" {
		t.Error(err)
	}
	want(t, "states", []sched.State{r.Nodes[1].State, r.Nodes[2].State}, []sched.State{sched.Done, sched.Failed})
}

func TestAMutexHoldsBetweenProcesses(t *testing.T) {
	t.Parallel()
	b, gate := newBench(t), enginetest.NewGate()
	second, err := store.Open(b.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	res := engine.Resources{Mutex: []string{"a/db", "b"}}
	first := b.start(enginetest.Graph(asking("one", gate, res)))
	<-gate.Started
	s := enginetest.Concat()
	waits, done := make(chan string, 1), make(chan error, 1)
	go func() {
		_, err := sched.Run(context.Background(), enginetest.Graph(asking("two", s, res)), second, b.opts, sinkFunc(func(e event.Event) {
			if e.Log != nil {
				waits <- e.Log.Text
			}
		}))
		done <- err
	}()
	want(t, "word about waiting", <-waits, fmt.Sprintf("waiting for pid %d on %s, which holds the mutex a/db", os.Getpid(), hostname(t)))
	want(t, "runs while it is held", s.Runs(), 0)
	close(gate.Open)
	for _, c := range []<-chan error{first, done} {
		if err := <-c; err != nil {
			t.Error(err)
		}
	}
	want(t, "runs", s.Runs(), 1)
	if left, _ := os.ReadDir(b.st.Root() + "/locks"); len(left) > 0 {
		t.Errorf("locks left: %v", left)
	}
}

func TestWhatIsTooBigHereMayComeFromARemote(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), enginetest.Concat()
	first := newFakeRemote(b)
	g := enginetest.Graph(enginetest.Node("small", s, "x"), asking("big", s, engine.Resources{NPU: 1}))
	g.Nodes[1].Params["in"] = []any{engine.Output{Node: 0, Port: "out"}}
	b.opts.NPU = 1
	b.run(g)
	laptop := newBench(t)
	first.share(laptop)
	r := laptop.run(g)
	want(t, "runs", s.Runs(), 2)
	want(t, "pulled", r.Nodes[1].Pulled, true)

	// What nobody has is refused when that is known.
	g.Nodes[0].Params["text"] = "y"
	r, err := laptop.try(g)
	want(t, "error", fmt.Sprint(err), "stage big: it asks for 1 NPUs, there are 0 to hand out")
	want(t, "runs", s.Runs(), 3)
	want(t, "state", r.Nodes[1].State, sched.Failed)
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
