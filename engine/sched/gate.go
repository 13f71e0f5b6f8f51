package sched

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/metric"
	"github.com/belay-ml/belay/engine/store"
)

// Door is where a gate stands.
type Door string

// The doors. A gate is waiting while what it reads is not there.
const (
	Open    Door = "open"
	Shut    Door = "shut"
	Waiting Door = "waiting"
)

// Gate is what is known of a node's gate.
type Gate struct {
	engine.Gate
	Door    Door
	After   string         // what it waits for
	Verdict engine.Verdict // of one that does not wait
}

// String tells it in one line.
func (t Gate) String() string {
	if t.Door == Waiting {
		return fmt.Sprintf("gate: %s, decided after %s", t.Text, t.After)
	}
	return t.Verdict.String()
}

// gates are a node's gates in order.
type gates []Gate

// find gives the first gate with a door.
func (all gates) find(d Door) (Gate, bool) {
	for _, t := range all {
		if t.Door == d {
			return t, true
		}
	}
	return Gate{}, false
}

// gates decides the gates of a node as far as it can; one that is shut ends it. records are the results of the nodes before,
// nil where they are not there. The error is about numbers that cannot be had: it is the node's.
func (r *resolver) gates(g *engine.Graph, n *engine.Node, records []*store.Record) (all gates, err error) {
	for i := range n.Gates {
		t := Gate{Gate: n.Gates[i], Door: Waiting}
		numbers, ok, e := r.numbers(g, t.Reads, records)
		if e == nil && ok {
			if t.Verdict, e = t.Decide(numbers); e == nil {
				t.Door = map[bool]Door{true: Open, false: Shut}[t.Verdict.Open]
			}
		}
		if t.Door == Waiting {
			t.After = t.Gate.After(g)
		}
		if all = append(all, t); t.Door == Shut {
			return all, nil
		}
		if e != nil && err == nil {
			err = e
		}
	}
	return all, err
}

// numbers reads those of some artifacts; ok is false when one of them is not there.
func (r *resolver) numbers(g *engine.Graph, reads []engine.Output, records []*store.Record) (sets []metric.Set, ok bool, err error) {
	for _, o := range reads {
		rec := records[o.Node]
		if rec == nil || rec.Root == "" { // a remote has it, or nobody
			return nil, false, nil
		}
		set, err := r.metrics.read(filepath.Join(rec.Path(o.Port), filepath.FromSlash(o.Sub)))
		if err != nil {
			return nil, false, fmt.Errorf("%s.%s: %w", g.Nodes[o.Node].ID, o.Port, err)
		}
		sets = append(sets, set)
	}
	return sets, true, nil
}

// shelf holds the numbers of artifacts, each read once: the cells of a matrix may have gates that read the same.
type shelf struct {
	mu   sync.Mutex
	sets map[string]metric.Set
}

func (s *shelf) read(path string) (metric.Set, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if set, ok := s.sets[path]; ok {
		return set, nil
	}
	set, err := metric.Read(path)
	if err == nil {
		if s.sets == nil {
			s.sets = map[string]metric.Set{}
		}
		s.sets[path] = set
	}
	return set, err
}

// offReason says why a node does not run at all, as far as its own gates need not be asked: it is switched off, or what
// it reads is. off tells it of the nodes before.
func offReason(insts []*instance, i int, off func(int) (why string, is bool)) string {
	in := insts[i]
	if in.node.Off != "" {
		return in.node.Off
	}
	for _, reads := range [][]int{in.gated, in.data} {
		for _, d := range reads {
			if why, is := off(d); is {
				return engine.ReadsOff(insts[d].node.ID, why)
			}
		}
	}
	return ""
}

// narrowed is an instance without those items of its lists over a matrix that are off; the instance itself where there
// are none. A list of which all are off keeps them: its reader is off too.
func narrowed(g *engine.Graph, insts []*instance, i int, off func(int) (why string, is bool), o Options) (*instance, error) {
	in := insts[i]
	if in.node.Off != "" {
		return in, nil
	}
	some := false
	for _, d := range in.data {
		_, is := off(d)
		some = some || is
	}
	if !some {
		return in, nil
	}
	n := g.Nodes[i]
	params, changed := live(g, n.Params, func(d int) bool { _, is := off(d); return is })
	if !changed {
		return in, nil
	}
	n.Params, _ = params.(map[string]any)
	return newInstance(&n, i, insts, o)
}

// leans finds a node that a value cannot do without and of which is holds: one that is read by itself, or one of a list over
// a matrix of whose stage it holds of all.
func leans(g *engine.Graph, v any, is func(int) bool) (node int, found bool) {
	switch x := v.(type) {
	case engine.Output:
		return x.Node, is(x.Node)
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(x)) {
			if node, found := leans(g, x[k], is); found {
				return node, true
			}
		}
	case []any:
		others := map[string]bool{} // stages of which it does not hold of all
		for _, item := range x {
			if o, ok := item.(engine.Output); ok && !is(o.Node) {
				others[g.Nodes[o.Node].Name] = true
			}
		}
		for _, item := range x {
			if o, ok := item.(engine.Output); ok && o.Cell && others[g.Nodes[o.Node].Name] {
				continue
			}
			if node, found := leans(g, item, is); found {
				return node, true
			}
		}
	}
	return 0, false
}

// live drops from lists what is off, unless all of its stage is.
func live(g *engine.Graph, v any, off func(int) bool) (out any, changed bool) {
	switch x := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(x))
		for k, item := range x {
			var c bool
			m[k], c = live(g, item, off)
			changed = changed || c
		}
		return m, changed
	case []any:
		some := map[string]bool{} // stages of which an instance is on
		for _, item := range x {
			if o, is := item.(engine.Output); is && !off(o.Node) {
				some[g.Nodes[o.Node].Name] = true
			}
		}
		list := make([]any, 0, len(x))
		for _, item := range x {
			if o, is := item.(engine.Output); is && o.Cell && off(o.Node) && some[g.Nodes[o.Node].Name] {
				changed = true
				continue
			}
			item, c := live(g, item, off)
			changed = changed || c
			list = append(list, item)
		}
		return list, changed
	}
	return v, false
}
