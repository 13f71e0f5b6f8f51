package sched_test

import (
	"context"
	"slices"
	"testing"

	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/sched"
)

func TestAcceptKeepsResultsThatOnlyTheVersionMakesStale(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := enginetest.Concat()
	src := b.write("in.txt", "x")
	first := enginetest.Node("a", s, "1")
	first.Params["in"] = []any{src}
	g := enginetest.Graph(first, enginetest.Node("b", s, "2", 0), enginetest.Node("c", s, "3", 0))
	b.run(g)
	s.Spec.Version = 2
	g.Nodes[2].Params["text"] = "changed too"
	accept := func(only ...string) []string {
		t.Helper()
		o := b.opts
		o.Only = only
		nodes, err := sched.Accept(context.Background(), g, b.st, o)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for i := range nodes {
			ids = append(ids, nodes[i].ID)
		}
		return ids
	}
	if got := accept("a"); !slices.Equal(got, []string{"a"}) {
		t.Fatalf("accepted %v", got)
	}
	if got := accept(); !slices.Equal(got, []string{"b"}) {
		t.Fatalf("accepted %v: c changed in more than its version", got)
	}
	if got := accept(); len(got) > 0 {
		t.Fatalf("accepted %v again", got)
	}
	runs := s.Runs()
	b.run(g)
	if s.Runs() != runs+1 {
		t.Fatalf("%d stages ran, want c alone", s.Runs()-runs)
	}
	p, err := sched.Plan(context.Background(), g, b.st, b.opts)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := p.Node("b")
	if n.Status != sched.Fresh || n.Record.Version != 2 || n.Record.Notes["accepted_from"] == nil {
		t.Errorf("b is %s, version %d, notes %v", n.Status, n.Record.Version, n.Record.Notes)
	}
}
