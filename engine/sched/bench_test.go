package sched_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/sched"
	"github.com/belay-ml/belay/engine/store"
)

// BenchmarkFreshRun opens a store and runs a fresh graph, as a second `belay run` does.
func BenchmarkFreshRun(b *testing.B) {
	for _, stages := range []int{10, 100} {
		b.Run(fmt.Sprint(stages, " stages"), func(b *testing.B) {
			be := newBench(b)
			s := enginetest.Concat()
			src := be.write("in.txt", "x")
			var nodes []engine.Node
			for i := range stages {
				if i == 0 {
					n := enginetest.Node("n0", s, "0")
					n.Params["in"] = []any{src}
					nodes = append(nodes, n)
					continue
				}
				nodes = append(nodes, enginetest.Node(fmt.Sprint("n", i), s, fmt.Sprint(i), i-1))
			}
			g := enginetest.Graph(nodes...)
			be.run(g)
			be.st.Close()
			for b.Loop() {
				st, err := store.Open(be.dir, nil)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := sched.Run(context.Background(), g, st, be.opts, nil); err != nil {
					b.Fatal(err)
				}
				st.Close()
			}
			if s.Runs() != stages {
				b.Errorf("%d runs", s.Runs())
			}
		})
	}
}

// BenchmarkPlan plans graphs of which nothing ran yet, and of which everything is fresh.
func BenchmarkPlan(b *testing.B) {
	for _, stages := range []int{100, 10000} {
		be := newBench(b)
		src := be.write("in.txt", "x")
		s := enginetest.Concat()
		nodes := []engine.Node{enginetest.Node("n0", s, "0")}
		nodes[0].Params["in"] = []any{src}
		for i := 1; i < stages; i++ {
			nodes = append(nodes, enginetest.Node(fmt.Sprint("n", i), s, fmt.Sprint(i), i/10))
		}
		g := enginetest.Graph(nodes...)
		plan := func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := sched.Plan(context.Background(), g, be.st, be.opts); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.Run(fmt.Sprint(stages, " stale"), plan)
		if stages <= 100 {
			be.run(g)
			b.Run(fmt.Sprint(stages, " fresh"), plan)
		}
	}
}
