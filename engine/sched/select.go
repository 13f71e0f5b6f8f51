package sched

import (
	"slices"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/param"
)

// wanted says which nodes Only and Until leave.
func wanted(g *engine.Graph, insts []*instance, o Options) ([]bool, error) {
	only, err := named(g, o.Only)
	if err != nil {
		return nil, err
	}
	until, err := named(g, o.Until)
	if err != nil {
		return nil, err
	}
	want := make([]bool, len(insts))
	for i := range want {
		want[i] = len(o.Only) == 0 || only[i]
	}
	// Backwards: a wanted node wants what it needs.
	for i := len(insts) - 1; i >= 0; i-- {
		if want[i] {
			for _, d := range insts[i].deps {
				want[d] = true
			}
		}
	}
	// Forwards: what comes after an end is not wanted, unless it is an end itself.
	after := make([]bool, len(insts))
	for i := range insts {
		for _, d := range insts[i].deps {
			after[i] = after[i] || after[d] || until[d]
		}
	}
	needed := slices.Clone(until) // an end after another end keeps what it needs
	for i := len(insts) - 1; i >= 0; i-- {
		if needed[i] {
			for _, d := range insts[i].deps {
				needed[d] = true
			}
		}
		want[i] = want[i] && (!after[i] || needed[i])
	}
	return want, nil
}

// named marks the nodes that names mean: an ID is one instance, a stage's name all of them, and all that is in the
// recipe that it uses.
func named(g *engine.Graph, names []string) ([]bool, error) {
	marks := make([]bool, len(g.Nodes))
	for _, name := range names {
		found := false
		var known []string
		for i := range g.Nodes {
			n := &g.Nodes[i]
			if n.Called(name) {
				marks[i], found = true, true
			}
			known = append(known, n.ID, n.Name)
		}
		if found {
			continue
		}
		err := fault.New(fault.Usage, "no stage %q in recipe %s", name, g.Recipe)
		if near := param.Near(name, known); near != "" {
			err = err.WithHint("did you mean %s?", near)
		}
		return nil, err
	}
	return marks, nil
}

// forced marks the nodes that Force names.
func forced(g *engine.Graph, o Options) ([]bool, error) {
	if slices.Contains(o.Force, "*") {
		all := make([]bool, len(g.Nodes))
		for i := range all {
			all[i] = true
		}
		return all, nil
	}
	return named(g, o.Force)
}
