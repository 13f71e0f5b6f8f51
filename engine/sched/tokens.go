package sched

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/fault"
)

// maxOvertaken is how many nodes may start before one that came earlier and lacks tokens. Then what that one needs is
// set aside until it starts, so that small work cannot keep big work waiting for ever.
const maxOvertaken = 8

// The kinds of tokens.
const (
	cpus   = iota
	memory // bytes
	npus
	nets
	jobs
	kinds
)

// tokens are amounts by kind.
type tokens [kinds]int64

func (t tokens) plus(o tokens) tokens {
	for k := range t {
		t[k] += o[k]
	}
	return t
}

func (t tokens) minus(o tokens) tokens {
	for k := range t {
		t[k] -= o[k]
	}
	return t
}

// fits says whether t can be taken from free, of which some are set aside for others.
func (t tokens) fits(free, aside tokens) bool {
	for k := range t {
		if t[k] > 0 && t[k] > free[k]-aside[k] {
			return false
		}
	}
	return true
}

// allTokens are what there is to hand out.
func allTokens(o Options, nodes int) tokens {
	t := tokens{cpus: int64(o.CPU), memory: o.Memory, npus: int64(o.NPU), nets: int64(o.Net), jobs: int64(o.Jobs)}
	if o.Jobs <= 0 {
		t[jobs] = int64(nodes)
	}
	return t
}

// ask finds what a node asks for: the stage's own resources, changed by what the recipe says. Mutexes of both count.
func ask(res, asked engine.Resources) engine.Resources {
	if asked.CPU != 0 {
		res.CPU = asked.CPU
	}
	if asked.Memory != 0 {
		res.Memory = asked.Memory
	}
	if asked.NPU != 0 {
		res.NPU = asked.NPU
	}
	res.Net = res.Net || asked.Net
	res.Mutex = slices.Concat(res.Mutex, asked.Mutex)
	slices.Sort(res.Mutex) // taken in this order everywhere: nobody waits in a circle
	res.Mutex = slices.Compact(res.Mutex)
	return res
}

// need are the tokens that a node takes. Of cores never more than there are: work only takes longer with fewer.
func (in *instance) need(o Options) tokens {
	res := in.res
	t := tokens{cpus: int64(res.CPU), memory: res.Memory, npus: int64(res.NPU), jobs: 1}
	switch {
	case res.CPU < 0 || res.CPU > o.CPU:
		t[cpus] = int64(o.CPU)
	case res.CPU == 0:
		t[cpus] = 1
	}
	if res.Net {
		t[nets] = 1
	}
	return t
}

// tooBig says that a node asks for more memory or devices than there are at all.
func (in *instance) tooBig(o Options) error {
	need := in.need(o)
	var e *fault.Error
	switch {
	case need[memory] > o.Memory:
		e = fault.New(fault.Recipe, "it asks for %s of memory, there are %s to hand out", bytesText(need[memory]), bytesText(o.Memory)).
			WithHint("ask for less under resources of the stage, or say what the machine has: --memory, or memory under resources in belay.yaml")
	case need[npus] > int64(o.NPU):
		e = fault.New(fault.Recipe, "it asks for %d NPUs, there are %d to hand out", need[npus], o.NPU).
			WithHint("ask for fewer under resources of the stage, or say what the machine has: --npus, or npu under resources in belay.yaml")
	default:
		return nil
	}
	if in.node.Pos != "" {
		return fmt.Errorf("%s: %w", in.node.Pos, e)
	}
	return e
}

func bytesText(n int64) string {
	if n == math.MaxInt64 {
		return "any amount"
	}
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	x, u := float64(n), 0
	for ; x >= 1024 && u < len(units)-1; u++ {
		x /= 1024
	}
	return fmt.Sprintf("%.4g %s", x, units[u])
}

// refuse finds wanted nodes that can never get their tokens, before anything runs. One whose result is there, or may
// be found to be there, is let pass; it is refused when it turns out to be stale.
func (r *runner) refuse(want []bool) error {
	big := map[int]error{}
	for i, in := range r.insts {
		if want[i] && in.node.Off == "" {
			if err := in.tooBig(r.opts); err != nil {
				big[i] = err
			}
		}
	}
	if len(big) == 0 {
		return nil
	}
	p := newPlanner(r.graph, r.store, r.opts, r.insts, r.resolver)
	var errs []error
	for i := range r.insts {
		if p.node(r.ctx, i, r.force[i]) != nil {
			return nil // the run tells about it
		}
		n := &p.plan.Nodes[i]
		if err := big[i]; err != nil && n.Status == Stale && (n.Key != "" || r.opts.Remote == nil) {
			errs = append(errs, fmt.Errorf("stage %s: %w", n.ID, err))
		}
	}
	return errors.Join(errs...)
}
