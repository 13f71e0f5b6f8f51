package sched

import (
	"context"
	"fmt"
	"sync"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/store"
)

// Remote is where a team shares results. It never fails a run: what is wrong with it, it tells itself, and nil means
// that it has no such result.
type Remote interface {
	// Look finds the manifest of a key's result. Ports are those that the result must have.
	Look(ctx context.Context, k key.Key, ports []artifact.Port) *artifact.Manifest
	// Pull brings the result of a key, whose lock the caller holds, into the store.
	Pull(ctx context.Context, k key.Key, ports []artifact.Port, ev event.Stage) *store.Record
	// Push shares a result.
	Push(ctx context.Context, rec *store.Record, ev event.Stage)
	String() string
}

// pushesAtOnce bounds how many results are shared side by side; each uses several connections.
const pushesAtOnce = 2

// sharing is what a run does with its remote.
type sharing struct {
	asking  chan struct{} // one value for each node that pulls, at most as many as may use the network
	pushing chan struct{}
	pushes  sync.WaitGroup

	mu   sync.Mutex
	left int // pushes that have not ended
}

func newSharing(o Options) *sharing {
	return &sharing{asking: make(chan struct{}, o.Net), pushing: make(chan struct{}, pushesAtOnce)}
}

// ask looks for a queued node's result in the remote before the node is computed: beside the loop, without cores. It
// says false where nothing is to be asked.
func (r *runner) ask(i int) bool {
	if r.opts.Remote == nil || !r.mayReuse(i) {
		return false
	}
	k, ports, ev, began := r.result.Nodes[i].Key, r.insts[i].ports, r.events(i), r.opts.Now()
	r.spawn(func() func() {
		rec, here, err := r.fetch(k, ports, ev)
		return func() {
			n := &r.result.Nodes[i]
			switch {
			case err != nil:
				r.failPending(i, r.store.Explain(err))
			case rec == nil:
				r.enqueue(i)
			case here:
				r.done(i, rec, true, "made meanwhile by other work with the same key")
			default:
				n.Took, n.Pulled = r.opts.Now().Sub(began), true
				r.done(i, rec, true, "from "+r.opts.Remote.String())
			}
		}
	})
	return true
}

// fetch pulls a result while it holds the lock of its key; here says that it was in the store already.
func (r *runner) fetch(k key.Key, ports []artifact.Port, ev event.Stage) (rec *store.Record, here bool, err error) {
	ctx := r.pending
	lock, err := r.store.Lock(ctx, k, func(o store.Owner) {
		ev.Info(fmt.Sprintf("waiting for %s, which makes the same result", o), map[string]any{"key": string(k)})
	})
	if err != nil {
		return nil, false, err
	}
	defer lock.Release()
	if rec, ok := r.store.Lookup(ctx, k); ok { // another process made it meanwhile
		return rec, true, nil
	}
	select {
	case r.share.asking <- struct{}{}:
	case <-ctx.Done():
		return nil, false, nil
	}
	defer func() { <-r.share.asking }()
	return r.opts.Remote.Pull(ctx, k, ports, ev), false, nil
}

// push shares a new result while the run goes on.
func (r *runner) push(i int, rec *store.Record) {
	if r.opts.Remote == nil || r.insts[i].node.NoCache {
		return
	}
	s, ev := r.share, r.events(i)
	s.count(1)
	s.pushes.Go(func() {
		defer s.count(-1)
		select {
		case s.pushing <- struct{}{}:
		case <-r.ctx.Done():
			return
		}
		defer func() { <-s.pushing }()
		r.opts.Remote.Push(r.ctx, rec, ev)
	})
}

func (s *sharing) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left += n
}

// shared waits until the last result is shared. A cancelled run does not wait for the network: the pushes end, and
// leave nothing half-done.
func (r *runner) shared() {
	r.share.mu.Lock()
	left := r.share.left
	r.share.mu.Unlock()
	if left > 0 && r.sink != nil && r.ctx.Err() == nil {
		text := fmt.Sprintf("%d results are on their way to %s", left, r.opts.Remote)
		if left == 1 {
			text = fmt.Sprintf("1 result is on its way to %s", r.opts.Remote)
		}
		r.sink.Emit(event.Event{Time: r.opts.Now(), Run: r.opts.RunID, Log: &event.Log{Level: "info", Text: text}})
	}
	r.share.pushes.Wait()
}
