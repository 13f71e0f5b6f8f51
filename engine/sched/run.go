package sched

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/secret"
	"github.com/belay-ml/belay/engine/store"
)

// Run brings the wanted nodes of a graph up to date. The result is never nil; the error carries the exit code.
func Run(ctx context.Context, g *engine.Graph, st *store.Store, o Options, sink event.Sink) (*Result, error) {
	o = o.filled()
	none := &Result{}
	insts, err := newInstances(g, o)
	if err != nil {
		return none, err
	}
	want, err := wanted(g, insts, o)
	if err != nil {
		return none, err
	}
	force, err := forced(g, o)
	if err != nil {
		return none, err
	}
	r := &runner{
		ctx: ctx, graph: g, store: st, opts: o, sink: sink, insts: insts, force: force, resolver: &resolver{store: st},
		nodes: make([]work, len(insts)), records: make([]*store.Record, len(insts)),
		result: &Result{Nodes: make([]NodeResult, len(insts))}, messages: make(chan func()), hashing: make(chan struct{}, runtime.GOMAXPROCS(0)),
		free: tokens{cpu: o.CPU, net: o.Net, jobs: o.Jobs}, computing: map[key.Key]bool{},
	}
	if o.Jobs <= 0 {
		r.free.jobs = len(insts)
	}
	r.share = newSharing(o)
	r.run(want)
	r.shared()
	return r.result, r.result.err(ctx.Err())
}

// runner owns the states of all nodes. Only the goroutine in run touches them; workers send it closures.
type runner struct {
	ctx      context.Context
	graph    *engine.Graph
	store    *store.Store
	opts     Options
	sink     event.Sink
	insts    []*instance
	force    []bool
	resolver *resolver

	nodes     []work
	records   []*store.Record // of done nodes
	result    *Result
	queue     []int // queued nodes that nobody works on, in the order of the graph
	active    int   // workers that have not yet sent their closure
	messages  chan func()
	hashing   chan struct{} // bounds how many nodes compute keys at once
	free      tokens
	computing map[key.Key]bool // keys that this process computes just now
	failed    string           // the first node that failed
	share     *sharing
}

// work is what the runner knows about one node.
type work struct {
	users   []int // nodes that come after
	waiting int   // nodes before that are not done
	inputs  *resolved
	off     bool        // it, or what it reads, is switched off
	lock    *store.Lock // held while queued, after waiting for another process
}

type tokens struct{ cpu, net, jobs int }

func (r *runner) run(want []bool) {
	for i, in := range r.insts {
		r.result.Nodes[i] = NodeResult{ID: in.node.ID, Stage: in.spec.Name}
		for _, d := range in.deps {
			r.nodes[d].users = append(r.nodes[d].users, i)
		}
		r.nodes[i].waiting = len(in.deps)
	}
	for i := range r.insts {
		if want[i] {
			r.become(i, Wanted, "")
		}
	}
	for i := range r.insts {
		if want[i] && r.state(i) == Wanted && r.nodes[i].waiting == 0 {
			r.start(i)
		}
	}
	for r.dispatch(); r.active > 0; r.dispatch() {
		done := <-r.messages
		r.active--
		done()
	}
	for i := range r.insts {
		if s := r.state(i); s == Unknown || s.Final() {
			continue
		}
		if r.ctx.Err() != nil {
			r.become(i, Cancelled, "")
		} else {
			r.become(i, Skipped, r.failed+" failed")
		}
	}
	for _, w := range r.nodes {
		if w.lock != nil {
			w.lock.Release()
		}
	}
}

func (r *runner) state(i int) State { return r.result.Nodes[i].State }

// become is the one place where states change.
func (r *runner) become(i int, to State, why string) {
	n := &r.result.Nodes[i]
	if !n.State.mayBecome(to) {
		panic(fmt.Sprintf("sched: node %s cannot go from %s to %s", n.ID, n.State, to))
	}
	n.State = to
	if why != "" {
		n.Why = why
	}
	name := to.String()
	if to == Done && n.Fresh {
		name = "fresh"
	}
	e := event.Event{Time: r.opts.Now(), Run: r.opts.RunID, Stage: n.ID,
		State: &event.State{To: name, Why: why, Key: string(n.Key), Took: n.Took}}
	if r.sink != nil {
		secret.NewRedactor(r.insts[i].secrets).Sink(r.sink).Emit(e)
	}
}

// spawn runs work beside the loop; the closure that it returns runs in the loop.
func (r *runner) spawn(work func() func()) {
	r.active++
	go func() { r.messages <- work() }()
}

// stopped says whether no new work may start.
func (r *runner) stopped() bool {
	return r.ctx.Err() != nil || r.failed != "" && !r.opts.KeepGoing
}

// start begins a node whose upstream is done: its key is computed beside the loop.
func (r *runner) start(i int) {
	if r.stopped() {
		return // the end of run tells why
	}
	if why := offReason(r.insts, i, func(d int) bool { return r.nodes[d].off }); why != "" {
		r.nodes[i].off = true
		r.become(i, Skipped, why)
		r.release(i)
		return
	}
	r.become(i, Ready, "")
	records := slices.Clone(r.records)
	r.spawn(func() func() {
		r.hashing <- struct{}{}
		defer func() { <-r.hashing }()
		return r.prepare(i, records)
	})
}

// prepare computes a node's key and looks its result up.
func (r *runner) prepare(i int, records []*store.Record) func() {
	in := r.insts[i]
	inputs, err := r.resolver.inputs(r.ctx, in, records)
	if err != nil {
		return func() { r.fail(i, err) }
	}
	parts := in.keyParts(inputs.digests, r.opts.Backend)
	k := parts.Key()
	var rec *store.Record
	if r.mayReuse(i) {
		rec, _ = r.store.Lookup(r.ctx, k)
	}
	why := ""
	if rec == nil {
		why = r.whyStale(i, parts)
	}
	return func() {
		n := &r.result.Nodes[i]
		n.Key, n.Parts = k, parts
		r.nodes[i].inputs = inputs
		switch {
		case rec != nil:
			r.done(i, rec, true, "")
		case !r.stopped():
			r.become(i, Queued, why)
			if !r.ask(i) {
				r.enqueue(i)
			}
		}
	}
}

func (r *runner) mayReuse(i int) bool { return !r.force[i] && !r.insts[i].node.NoCache }

// whyStale says in a few words why a node with a known key has no result.
func (r *runner) whyStale(i int, parts key.Parts) string {
	switch {
	case r.force[i]:
		return "forced"
	case r.insts[i].node.NoCache:
		return "cache is off"
	}
	last, ok := r.store.Last(r.graph.Recipe, r.insts[i].node.ID)
	if !ok {
		return "never ran"
	}
	if changes := key.Diff(last.Parts, parts); len(changes) > 0 {
		return changes[0].String()
	}
	return "its result is missing or damaged"
}

func (r *runner) enqueue(i int) {
	at, _ := slices.BinarySearch(r.queue, i)
	r.queue = slices.Insert(r.queue, at, i)
}

// dispatch starts queued nodes for which there are tokens, in the order of the graph.
func (r *runner) dispatch() {
	for q := 0; q < len(r.queue) && !r.stopped(); {
		i := r.queue[q]
		n, need := &r.result.Nodes[i], r.need(i)
		if r.computing[n.Key] || need.cpu > r.free.cpu || need.net > r.free.net || need.jobs > r.free.jobs {
			q++
			continue
		}
		r.queue = slices.Delete(r.queue, q, q+1)
		if r.nodes[i].lock == nil && !r.lock(i) {
			continue
		}
		r.become(i, Running, "")
		r.computing[n.Key] = true
		r.free = tokens{r.free.cpu - need.cpu, r.free.net - need.net, r.free.jobs - need.jobs}
		lock := r.nodes[i].lock
		r.nodes[i].lock = nil
		r.spawn(func() func() {
			began := r.opts.Now()
			rec, ran, err := r.execute(i, need.cpu)
			lock.Release()
			took := r.opts.Now().Sub(began)
			return func() {
				r.free = tokens{r.free.cpu + need.cpu, r.free.net + need.net, r.free.jobs + need.jobs}
				delete(r.computing, n.Key)
				n.Took = took
				switch {
				case err == nil:
					why := ""
					if !ran {
						why = "made meanwhile by other work with the same key"
					}
					r.done(i, rec, !ran, why)
					if ran {
						r.push(i, rec)
					}
				case r.ctx.Err() != nil:
					r.become(i, Cancelled, "")
					r.release(i)
				default:
					r.fail(i, err)
				}
			}
		})
	}
}

// lock tries to take the lock of a node's key. When another process has it, a worker without tokens waits for it
// and queues the node again.
func (r *runner) lock(i int) bool {
	n := &r.result.Nodes[i]
	lock, owner, err := r.store.TryLock(n.Key)
	if err != nil {
		r.fail(i, err)
		return false
	}
	if lock != nil {
		r.nodes[i].lock = lock
		return true
	}
	r.events(i).Info(fmt.Sprintf("waiting for %s, which computes the same result", owner), map[string]any{"key": string(n.Key)})
	r.spawn(func() func() {
		lock, err := r.store.Lock(r.ctx, n.Key, nil)
		var rec *store.Record
		if err == nil && r.mayReuse(i) {
			rec, _ = r.store.Lookup(r.ctx, n.Key)
		}
		return func() {
			switch {
			case err != nil && r.ctx.Err() == nil:
				r.fail(i, err)
			case err != nil: // cancelled; the end of run says so
			case rec != nil:
				lock.Release()
				r.done(i, rec, true, "made by "+owner.String())
			default:
				r.nodes[i].lock = lock
				r.enqueue(i)
			}
		}
	})
	return false
}

// need are the tokens that a node takes: never more than there are.
func (r *runner) need(i int) tokens {
	in := r.insts[i]
	res := in.spec.Resources
	cpu := res.CPU
	if in.node.Resources.CPU != 0 {
		cpu = in.node.Resources.CPU
	}
	switch {
	case cpu < 0 || cpu > r.opts.CPU:
		cpu = r.opts.CPU
	case cpu == 0:
		cpu = 1
	}
	t := tokens{cpu: cpu, jobs: 1}
	if res.Net {
		t.net = 1
	}
	return t
}

func (r *runner) events(i int) event.Stage {
	s := event.Stage{Name: r.insts[i].node.ID, Run: r.opts.RunID, Now: r.opts.Now}
	if r.sink != nil {
		s.Sink = secret.NewRedactor(r.insts[i].secrets).Sink(r.sink)
	}
	return s
}

// done ends a node with its result, remembers it for explain and links the outputs that it gives.
func (r *runner) done(i int, rec *store.Record, fresh bool, why string) {
	n := &r.result.Nodes[i]
	n.Record, n.Fresh = rec, fresh
	r.records[i] = rec
	if last, ok := r.store.Last(r.graph.Recipe, n.ID); !ok || !fresh || last.Key != n.Key || last.Artifact != rec.Digest {
		took := n.Took
		if fresh {
			took = rec.Made.Took
		}
		err := r.store.SaveLast(r.graph.Recipe, n.ID, store.Last{Key: n.Key, Parts: n.Parts, Inputs: r.nodes[i].inputs.origin,
			Artifact: rec.Digest, At: r.opts.Now().UTC().Truncate(time.Second), Took: took})
		if err != nil {
			r.events(i).Warn(fmt.Sprintf("explain will not know this success: %v", err), nil)
		}
	}
	for _, l := range r.graph.Outputs {
		if l.Node != i {
			continue
		}
		path, err := r.store.Link(r.graph.Recipe, l.Name, rec, l.Port)
		if err != nil {
			r.events(i).Warn(err.Error(), nil)
			continue
		}
		r.result.Links = append(r.result.Links, Linked{Name: l.Name, Path: path})
	}
	r.become(i, Done, why)
	r.release(i)
}

func (r *runner) fail(i int, err error) {
	n := &r.result.Nodes[i]
	if r.ctx.Err() != nil {
		r.become(i, Cancelled, "")
		r.release(i)
		return
	}
	err = fmt.Errorf("stage %s: %w", n.ID, err)
	n.Err = secret.NewRedactor(r.insts[i].secrets).Error(err)
	if r.failed == "" {
		r.failed = n.ID
	}
	r.become(i, Failed, n.Err.Error())
	r.release(i)
}

// release tells the nodes after i that it has ended.
func (r *runner) release(i int) {
	ended := r.state(i)
	for _, u := range r.nodes[i].users {
		r.nodes[u].waiting--
		switch {
		case r.state(u) != Wanted:
		case ended == Done, r.nodes[i].off:
			if r.nodes[u].waiting == 0 {
				r.start(u)
			}
		case ended == Cancelled:
			r.become(u, Cancelled, "")
			r.release(u)
		default:
			r.become(u, Skipped, fmt.Sprintf("upstream %s %s", r.result.Nodes[i].ID, ended))
			r.release(u)
		}
	}
}
