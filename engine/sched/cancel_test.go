package sched_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/sched"
)

func TestCancellationKeepsResumableWork(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(context.Background())
	s := enginetest.Steps(5, func(_ context.Context, done int) error {
		if done == 3 {
			cancel()
		}
		return nil
	})
	g := enginetest.Graph(enginetest.Node("a", s, ""), enginetest.Node("b", enginetest.Concat(), "", 0))
	r, err := sched.Run(ctx, g, b.st, b.opts, b.events)
	want(t, "exit code", fault.CodeOf(err), fault.Cancelled)
	want(t, "states", []sched.State{r.Nodes[0].State, r.Nodes[1].State}, []sched.State{sched.Cancelled, sched.Cancelled})
	b.st.Close()
	b.open() // which sweeps
	want(t, "plan", b.statuses(g), "a stale: never ran; can resume\nb stale: never ran")
	steps := 0
	s2 := enginetest.Steps(5, func(context.Context, int) error { steps++; return nil })
	g.Nodes[0].Stage = s2
	r = b.run(g)
	want(t, "steps made again", steps, 2)
	want(t, "output", b.output(r, "a"), "step 0\nstep 1\nstep 2\nstep 3\nstep 4\n")
}

func TestCancellationWaitsForStages(t *testing.T) {
	t.Parallel()
	b, gate := newBench(t), enginetest.NewGate()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-gate.Started; cancel() }()
	r, err := sched.Run(ctx, enginetest.Graph(enginetest.Node("a", gate, "")), b.st, b.opts, nil)
	want(t, "exit code", fault.CodeOf(err), fault.Cancelled)
	want(t, "state", r.Nodes[0].State, sched.Cancelled)
	left, _ := os.ReadDir(filepath.Join(b.st.Root(), "work"))
	want(t, "scratch directories left", len(left), 0)
}
