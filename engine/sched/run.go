package sched

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/key"
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
	sources := &resolver{store: st}
	if err := o.honour(ctx, insts, want, sources); err != nil {
		return none, err
	}
	r := &runner{
		ctx: ctx, graph: g, store: st, opts: o, sink: sink, insts: insts, force: force, resolver: sources,
		nodes: make([]work, len(insts)), records: make([]*store.Record, len(insts)),
		result: &Result{Nodes: make([]NodeResult, len(insts))}, messages: make(chan func()), hashing: make(chan struct{}, runtime.GOMAXPROCS(0)),
		secrets: newVault(o, insts), free: allTokens(o, len(insts)), computing: map[key.Key]bool{}, mutexes: map[string]bool{},
	}
	r.pending, r.halt = context.WithCancel(ctx)
	defer r.halt()
	if err := r.refuse(want); err != nil {
		return none, err
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
	secrets  *vault

	pending context.Context // of what comes before a stage runs: ends with the run, and when a failure stops new work
	halt    context.CancelFunc

	nodes     []work
	records   []*store.Record // of done nodes
	result    *Result
	queue     []int // queued nodes that nobody works on, in the order of the graph
	active    int   // workers that have not yet sent their closure
	messages  chan func()
	hashing   chan struct{} // bounds how many nodes compute keys at once
	free      tokens
	computing map[key.Key]bool // keys that this process computes just now
	mutexes   map[string]bool  // names that nodes of this process hold, or wait for
	failed    string           // the first node that failed
	share     *sharing
}

// work is what the runner knows about one node.
type work struct {
	users     []int // nodes that come after
	waiting   int   // nodes before that are not done
	inputs    *resolved
	because   string      // why it ran, or has another result than at its last success: for those after it
	off       bool        // it, or what it reads, is switched off: by the recipe, or by a gate
	lock      *store.Lock // of its key; held while queued, after waiting for another process
	mutexes   []*store.Lock
	overtaken int // nodes that started before it although they came later
}

func (r *runner) run(want []bool) {
	for i, in := range r.insts {
		r.result.Nodes[i] = NodeResult{ID: in.node.ID, Stage: in.spec.Name, Node: in.node}
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
	for i := range r.nodes {
		r.unlock(i)
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
		r.secrets.cut.Sink(r.sink).Emit(e)
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
	off := func(d int) (string, bool) { return r.result.Nodes[d].Why, r.nodes[d].off }
	in, err := narrowed(r.graph, r.insts, i, off, r.opts)
	if err == nil {
		r.insts[i], r.result.Nodes[i].Node = in, in.node
		if why := offReason(r.insts, i, off); why != "" {
			r.switchOff(i, why)
			return
		}
	}
	r.become(i, Ready, "")
	if err != nil {
		r.fail(i, err)
		return
	}
	records := slices.Clone(r.records)
	r.spawn(func() func() {
		r.hashing <- struct{}{}
		defer func() { <-r.hashing }()
		return r.prepare(i, records)
	})
}

// switchOff ends a node that does not run, as do those that read it.
func (r *runner) switchOff(i int, why string) {
	r.nodes[i].off = true
	r.become(i, Skipped, why)
	r.release(i)
}

// prepare decides a node's gates, computes its key and looks its result up.
func (r *runner) prepare(i int, records []*store.Record) func() {
	in := r.insts[i]
	gates, err := r.resolver.gates(r.graph, in.node, records)
	if err != nil {
		return func() { r.failPending(i, err) }
	}
	if shut, is := gates.find(Shut); is {
		return func() {
			r.result.Nodes[i].Gates = gates
			r.switchOff(i, shut.String())
		}
	}
	if waits, is := gates.find(Waiting); is { // cannot be: what it reads comes before
		return func() { r.fail(i, fault.New(fault.Internal, "%s", waits)) }
	}
	inputs, err := r.resolver.inputs(r.pending, in, records)
	if err != nil {
		return func() { r.failPending(i, err) }
	}
	parts := in.keyParts(inputs.digests, r.opts.Backend)
	k := parts.Key()
	var rec *store.Record
	if r.mayReuse(i) {
		rec, _ = r.store.Lookup(r.pending, k)
	}
	var why Why
	if rec == nil {
		why, _ = whyer{r.store, r.graph.Recipe}.why(in, parts, inputs, true, r.force[i])
	}
	return func() {
		n := &r.result.Nodes[i]
		n.Key, n.Parts, n.Gates = k, parts, gates
		r.nodes[i].inputs = inputs
		switch {
		case rec != nil:
			r.done(i, rec, true, "")
		case r.stopped(): // the end of run tells why
		default:
			why = why.rooted(in, func(node int) string { return r.nodes[node].because })
			r.nodes[i].because = why.Because
			r.become(i, Queued, why.String())
			for _, t := range gates {
				r.events(i).Info(t.String(), map[string]any{"at": t.Pos})
			}
			if !r.ask(i) {
				r.enqueue(i)
			}
		}
	}
}

func (r *runner) mayReuse(i int) bool { return !r.force[i] && !r.insts[i].node.NoCache }

// enqueue puts a node into the queue, unless it would wait there for ever.
func (r *runner) enqueue(i int) {
	if err := r.insts[i].tooBig(r.opts); err != nil {
		r.unlock(i)
		r.fail(i, err)
		return
	}
	at, _ := slices.BinarySearch(r.queue, i)
	r.queue = slices.Insert(r.queue, at, i)
}

// dispatch starts queued nodes for which there are tokens, in the order of the graph. A node may start before one that
// lacks tokens, but only so often: see maxOvertaken.
func (r *runner) dispatch() {
	var aside tokens
	var lack []int // nodes before the one that is looked at
	for q := 0; q < len(r.queue) && !r.stopped(); {
		i := r.queue[q]
		n, w, need := &r.result.Nodes[i], &r.nodes[i], r.insts[i].need(r.opts)
		if r.free[cpus] == 0 || r.free[jobs] == 0 {
			return // every node takes one of either
		}
		if r.computing[n.Key] || w.mutexes == nil && r.mutexHeld(i) {
			q++
			continue
		}
		if !need.fits(r.free, aside) {
			if lack = append(lack, i); w.overtaken >= maxOvertaken {
				aside = aside.plus(need)
			}
			q++
			continue
		}
		r.queue = slices.Delete(r.queue, q, q+1)
		if !r.lock(i) || !r.lockMutexes(i) {
			continue
		}
		for _, l := range lack {
			if r.nodes[l].overtaken++; r.nodes[l].overtaken == maxOvertaken {
				aside = aside.plus(r.insts[l].need(r.opts))
			}
		}
		r.launch(i, need)
	}
}

// launch runs a node that has its locks.
func (r *runner) launch(i int, need tokens) {
	n := &r.result.Nodes[i]
	r.become(i, Running, "")
	r.computing[n.Key] = true
	r.free = r.free.minus(need)
	r.spawn(func() func() {
		began := r.opts.Now()
		made, err := r.execute(i, int(need[cpus]))
		took := r.opts.Now().Sub(began)
		return func() {
			r.free = r.free.plus(need)
			delete(r.computing, n.Key)
			r.unlock(i)
			n.Took, n.Attempts = took, made.attempts
			switch {
			case err == nil:
				why := ""
				if !made.ran {
					why = "made meanwhile by other work with the same key"
				}
				r.done(i, made.record, !made.ran, why)
				if made.ran {
					r.push(i, made.record)
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

// lock takes the lock of a node's key, unless the node has it. When another process has it, a worker without tokens
// waits for it and queues the node again.
func (r *runner) lock(i int) bool {
	if r.nodes[i].lock != nil {
		return true
	}
	n := &r.result.Nodes[i]
	lock, owner, err := r.store.TryLock(n.Key)
	if err != nil {
		r.fail(i, r.store.Explain(err))
		return false
	}
	if lock != nil {
		r.nodes[i].lock = lock
		return true
	}
	r.events(i).Info(fmt.Sprintf("waiting for %s, which computes the same result", owner), map[string]any{"key": string(n.Key)})
	r.spawn(func() func() {
		lock, err := r.store.Lock(r.pending, n.Key, nil)
		var rec *store.Record
		if err == nil && r.mayReuse(i) {
			rec, _ = r.store.Lookup(r.pending, n.Key)
		}
		return func() {
			r.nodes[i].lock = lock
			switch {
			case err != nil:
				r.failPending(i, r.store.Explain(err))
			case rec != nil:
				r.unlock(i)
				r.done(i, rec, true, "made by "+owner.String())
			default:
				r.enqueue(i)
			}
		}
	})
	return false
}

// mutexHeld says whether another node of this process has a mutex that a node wants.
func (r *runner) mutexHeld(i int) bool {
	return slices.ContainsFunc(r.insts[i].res.Mutex, func(name string) bool { return r.mutexes[name] })
}

// lockMutexes takes the mutexes that a node wants, as lock does. They come after the lock of the key and in one order,
// and whoever waits for tokens with them waits only for nodes that run: no circle can form.
func (r *runner) lockMutexes(i int) bool {
	w, names := &r.nodes[i], r.insts[i].res.Mutex
	if w.mutexes != nil || len(names) == 0 {
		return true
	}
	w.mutexes = []*store.Lock{}
	for at, name := range names {
		r.mutexes[name] = true
		lock, owner, err := r.store.TryMutex(name)
		switch {
		case err != nil:
			r.unlock(i)
			r.fail(i, r.store.Explain(err))
			return false
		case lock == nil:
			for _, rest := range names[at:] {
				r.mutexes[rest] = true
			}
			r.events(i).Info(fmt.Sprintf("waiting for %s, which holds the mutex %s", owner, name), nil)
			r.awaitMutexes(i, names[at:])
			return false
		}
		w.mutexes = append(w.mutexes, lock)
	}
	return true
}

// awaitMutexes waits for the rest of a node's mutexes, and queues it again.
func (r *runner) awaitMutexes(i int, names []string) {
	r.spawn(func() func() {
		var got []*store.Lock
		var err error
		for _, name := range names {
			var lock *store.Lock
			if lock, err = r.store.Mutex(r.pending, name); err != nil {
				break
			}
			got = append(got, lock)
		}
		return func() {
			r.nodes[i].mutexes = append(r.nodes[i].mutexes, got...)
			if err != nil {
				r.unlock(i)
				r.failPending(i, r.store.Explain(err))
				return
			}
			r.enqueue(i)
		}
	})
}

// unlock gives back all locks of a node.
func (r *runner) unlock(i int) {
	w := &r.nodes[i]
	if w.mutexes != nil {
		for _, name := range r.insts[i].res.Mutex {
			delete(r.mutexes, name)
		}
		for _, l := range w.mutexes {
			l.Release()
		}
	}
	if w.lock != nil {
		w.lock.Release()
	}
	w.mutexes, w.lock = nil, nil
}

func (r *runner) events(i int) event.Stage {
	s := event.Stage{Name: r.insts[i].node.ID, Run: r.opts.RunID, Now: r.opts.Now}
	if r.sink != nil {
		s.Sink = r.secrets.cut.Sink(r.sink)
	}
	return s
}

// done ends a node with its result, remembers it for explain and links the outputs that it gives.
func (r *runner) done(i int, rec *store.Record, fresh bool, why string) {
	n := &r.result.Nodes[i]
	n.Record, n.Fresh = rec, fresh
	r.records[i] = rec
	last, ok := r.store.Last(r.graph.Recipe, n.ID)
	if fresh && ok && r.nodes[i].because == "" {
		if r.nodes[i].because = last.Because; last.Key != n.Key {
			r.nodes[i].because = moved(r.insts[i], n.Parts, last)
		}
	}
	if !ok || !fresh || last.Key != n.Key || last.Artifact != rec.Digest {
		took := n.Took
		if fresh {
			took = rec.Made.Took
		}
		err := r.store.SaveLast(r.graph.Recipe, n.ID, store.Last{Key: n.Key, Parts: n.Parts, Inputs: r.nodes[i].inputs.origin,
			Because: r.nodes[i].because, Artifact: rec.Digest, At: r.opts.Now().UTC().Truncate(time.Second), Took: took})
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

// failPending ends a node that did not get to run. One that was only stopped is left to the end of run.
func (r *runner) failPending(i int, err error) {
	if r.pending.Err() != nil && errors.Is(err, context.Canceled) {
		return
	}
	r.fail(i, err)
}

func (r *runner) fail(i int, err error) {
	n := &r.result.Nodes[i]
	if r.ctx.Err() != nil {
		r.become(i, Cancelled, "")
		r.release(i)
		return
	}
	err = fmt.Errorf("stage %s: %w", n.ID, err)
	n.Err = r.secrets.cut.Error(err)
	if r.failed == "" {
		r.failed = n.ID
	}
	if !r.opts.KeepGoing {
		r.halt()
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
