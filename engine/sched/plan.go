package sched

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/store"
)

// Status is what a plan says about a node.
type Status string

// The statuses. A node is Maybe when only a stale node above it could make it run.
const (
	Fresh Status = "fresh"
	Stale Status = "stale"
	Maybe Status = "maybe"
	Busy  Status = "running" // another process computes it just now
	Off   Status = "off"
	// Shared is in the remote: a run would pull it.
	Shared Status = "remote"
	// Gated is decided when what its gate reads is there.
	Gated Status = "gated"
)

// Planned says what a run would do.
type Planned struct {
	Nodes []NodePlan
}

// NodePlan is one node of a plan.
type NodePlan struct {
	ID        string
	Stage     string // kind of stage
	Pos       string
	Wanted    bool // the selection asks for it
	Status    Status
	Why       string  // empty when fresh
	Reason    Why     // the same in parts, of what would or might run
	Key       key.Key // empty when it depends on results that are not known yet
	Parts     key.Parts
	Record    *store.Record          // the result, when fresh
	Bytes     int64                  // of the result, when fresh
	Took      time.Duration          // that making the result took; the last time when stale
	Last      *store.Last            // last success, when not fresh
	Pins      []Pin                  // what the lock file pins
	Resumable bool                   // an interrupted run left work to resume from
	Inputs    map[string]store.Input // what it reads, by parameter path; without what is not known yet
	Gates     []Gate
}

// Stale counts the wanted nodes that a run would execute, and those that it might. Those behind a gate are neither.
func (p *Planned) Stale() (sure, maybe int) {
	for i := range p.Nodes {
		switch n := &p.Nodes[i]; {
		case !n.Wanted:
		case n.Status == Stale || n.Status == Busy:
			sure++
		case n.Status == Maybe:
			maybe++
		}
	}
	return sure, maybe
}

// Node finds a node by its ID.
func (p *Planned) Node(id string) (*NodePlan, bool) {
	for i := range p.Nodes {
		if p.Nodes[i].ID == id {
			return &p.Nodes[i], true
		}
	}
	return nil, false
}

// Plan finds out which nodes are fresh, which are stale and why. It changes nothing.
func Plan(ctx context.Context, g *engine.Graph, st *store.Store, o Options) (*Planned, error) {
	p, want, force, err := plannerOf(ctx, g, st, o)
	if err != nil {
		return nil, err
	}
	for i := range p.insts {
		if err := p.node(ctx, i, force[i]); err != nil {
			return nil, err
		}
		p.plan.Nodes[i].Wanted = want[i]
	}
	return p.plan, ctx.Err()
}

// plannerOf is a planner of a graph, with the nodes that the options want and force.
func plannerOf(ctx context.Context, g *engine.Graph, st *store.Store, o Options) (p *planner, want, force []bool, err error) {
	o = o.filled()
	insts, err := newInstances(g, o)
	if err != nil {
		return nil, nil, nil, err
	}
	if want, err = wanted(g, insts, o); err != nil {
		return nil, nil, nil, err
	}
	if force, err = forced(g, o); err != nil {
		return nil, nil, nil, err
	}
	sources := &resolver{store: st}
	if err := o.honour(ctx, insts, want, sources); err != nil {
		return nil, nil, nil, err
	}
	return newPlanner(g, st, o, insts, sources), want, force, nil
}

type planner struct {
	graph    *engine.Graph
	store    *store.Store
	opts     Options
	insts    []*instance
	resolver *resolver
	whyer    whyer
	records  []*store.Record // of fresh nodes
	gated    []bool          // nodes that wait for a gate, their own or that of a node which they read
	plan     *Planned
}

func newPlanner(g *engine.Graph, st *store.Store, o Options, insts []*instance, res *resolver) *planner {
	return &planner{graph: g, store: st, opts: o, insts: slices.Clone(insts), resolver: res, whyer: whyer{st, g.Recipe},
		records: make([]*store.Record, len(insts)), gated: make([]bool, len(insts)), plan: &Planned{Nodes: make([]NodePlan, len(insts))}}
}

func (p *planner) node(ctx context.Context, i int, force bool) error {
	off := func(d int) (string, bool) { return p.plan.Nodes[d].Why, p.plan.Nodes[d].Status == Off }
	in, err := narrowed(p.graph, p.insts, i, off, p.opts)
	if err != nil {
		return err
	}
	p.insts[i] = in
	n := &p.plan.Nodes[i]
	*n = NodePlan{ID: in.node.ID, Stage: in.spec.Name, Pos: in.node.Pos, Pins: in.pins}
	if why := offReason(p.insts, i, off); why != "" {
		n.Status, n.Why = Off, why
		return nil
	}
	all, gateErr := p.resolver.gates(p.graph, in.node, p.records)
	n.Gates = all
	if shut, is := all.find(Shut); is {
		n.Status, n.Why = Off, shut.String()
		return nil
	}
	if err := p.stale(ctx, i, force); err != nil {
		return err
	}
	waits, is := all.find(Waiting)
	above, leans := leans(p.graph, in.node.Params, func(d int) bool { return p.gated[d] })
	p.gated[i] = is || leans
	switch {
	case is: // what is there of it is not to be counted on
		n.Status, n.Why, n.Record, n.Bytes, p.records[i] = Gated, waits.String(), nil, 0, nil
		if gateErr != nil {
			n.Why = gateErr.Error()
		}
	case leans:
		n.Status, n.Reason.Cause, n.Reason.Above, n.Reason.Gated = Maybe, Upstream, p.insts[above].node.ID, true
		n.Why, n.Reason.Because = n.Reason.String(), ""
	}
	return nil
}

// stale finds out whether a node that is on would run.
func (p *planner) stale(ctx context.Context, i int, force bool) error {
	in, n := p.insts[i], &p.plan.Nodes[i]
	res, err := p.resolver.inputs(ctx, in, p.records)
	if err != nil {
		return fmt.Errorf("stage %s: %w", in.node.ID, err)
	}
	n.Parts, n.Inputs = in.keyParts(res.digests, p.opts.Backend), res.origin
	known := len(res.digests) == len(in.inputs)
	if known {
		n.Key = n.Parts.Key()
		n.Resumable = in.spec.Resumable && p.store.Resumable(n.Key)
		if rec, ok := p.store.Lookup(ctx, n.Key); ok && !force && !in.node.NoCache {
			n.Status, n.Record, n.Bytes, n.Took = Fresh, rec, rec.Bytes, rec.Made.Took
			p.records[i] = rec
			return nil
		}
	}
	if known && !force && !in.node.NoCache && p.opts.Remote != nil {
		if m := p.opts.Remote.Look(ctx, n.Key, in.ports); m != nil {
			n.Status, n.Why, n.Bytes, n.Took = Shared, "at "+p.opts.Remote.String(), m.Bytes, m.Made.Took
			p.records[i] = &store.Record{Manifest: m} // its digests are known, so are the keys below it
			return nil
		}
	}
	n.Status = Stale
	why, last := p.whyer.why(in, n.Parts, res, known, force)
	if last != nil {
		n.Last, n.Took = last, last.Took
	}
	why = why.rooted(in, p.because)
	if why.Cause == Upstream {
		n.Status = Maybe
		above := p.staleAbove(i)
		why.Above, why.Because = p.insts[above].node.ID, p.because(above)
		if p.plan.Nodes[above].Status == Gated {
			why.Gated, why.Because = true, ""
		}
	}
	n.Reason, n.Why = why, why.String()
	if known {
		if owner, ok := p.store.Holder(n.Key); ok {
			n.Status, n.Why = Busy, owner.String()+" computes it"
		}
	}
	if n.Resumable {
		n.Why += "; can resume"
	}
	return nil
}

// because is the root cause of what a node before does: why it would run, or has another result than before.
func (p *planner) because(i int) string {
	n := &p.plan.Nodes[i]
	if n.Status != Fresh {
		return n.Reason.Because
	}
	last, ok := p.store.Last(p.graph.Recipe, n.ID)
	switch {
	case !ok:
		return ""
	case last.Key != n.Key:
		return moved(p.insts[i], n.Parts, last)
	}
	return last.Because
}

// staleAbove is the nearest node above whose result is not known.
func (p *planner) staleAbove(i int) int {
	for _, d := range p.insts[i].data {
		if p.records[d] == nil {
			return d
		}
	}
	return i // cannot be: something is not known
}
