package sched

import (
	"context"
	"slices"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/store"
)

// Accept makes the last results of wanted nodes good for their new keys, where nothing but the version of the code
// changed since. What is accepted makes nodes below it fresh as if it had run and made the same bytes. It gives
// those nodes as they were before.
func Accept(ctx context.Context, g *engine.Graph, st *store.Store, o Options) ([]NodePlan, error) {
	p, want, force, err := plannerOf(ctx, g, st, o)
	if err != nil {
		return nil, err
	}
	var accepted []NodePlan
	for i := range p.insts {
		if err := p.node(ctx, i, force[i]); err != nil {
			return accepted, err
		}
		n := p.plan.Nodes[i]
		if !want[i] || !n.OnlyVersion() {
			continue
		}
		if _, err := st.Accept(ctx, n.Last.Key, n.Parts); err != nil {
			return accepted, err
		}
		accepted = append(accepted, n)
		if err := p.node(ctx, i, false); err != nil {
			return accepted, err
		}
	}
	return accepted, nil
}

// OnlyVersion says whether a stale node would be fresh but for the version of its stage, or of the key's form.
func (n *NodePlan) OnlyVersion() bool {
	return n.Status == Stale && n.Key != "" && len(n.Reason.Changes) > 0 && !slices.ContainsFunc(n.Reason.Changes, func(c key.Change) bool {
		return c.Part != key.PartVersion && c.Part != key.PartFormat
	})
}
