package sched_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/metric"
	"github.com/belay-ml/belay/engine/sched"
)

// above is a gate that is open when acc of every node that it reads is above a bound.
func above(least float64, reads ...int) engine.Gate {
	g := engine.Gate{Text: fmt.Sprintf("acc > %g", least), Pos: "recipe.yaml:1:2"}
	for _, n := range reads {
		g.Reads = append(g.Reads, engine.Output{Node: n, Port: "out"})
	}
	g.Decide = func(numbers []metric.Set) (engine.Verdict, error) {
		v := engine.Verdict{Open: true}
		var texts []string
		for i, set := range numbers {
			x, ok := set["acc"]
			if !ok {
				return v, fault.New(fault.Recipe, "there is no metric acc").WithHint("there is %s", strings.Join(set.Names(), ", "))
			}
			v.Open = v.Open && x > least
			v.Read = append(v.Read, engine.Reading{From: i, Name: "acc", Value: x})
			texts = append(texts, fmt.Sprintf("acc %g > %g", x, least))
		}
		v.Text = strings.Join(texts, " and ")
		return v, nil
	}
	return g
}

func gated(n engine.Node, gates ...engine.Gate) engine.Node {
	n.Gates = gates
	return n
}

// states are the states of all nodes, and why those that were skipped were.
func states(r *sched.Result) string {
	var out []string
	for _, n := range r.Nodes {
		text := n.ID + " " + n.State.String()
		if n.Fresh {
			text = n.ID + " fresh"
		}
		if n.State == sched.Skipped {
			text += ": " + n.Why
		}
		out = append(out, text)
	}
	return strings.Join(out, "\n")
}

func TestAGateIsDecidedWhenWhatItReadsHasEnded(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), enginetest.Concat()
	graph := func(acc string, least float64) *engine.Graph {
		g := enginetest.Graph(enginetest.Node("eval", s, `{"acc": `+acc+`}`), gated(enginetest.Node("tune", s, "t"), above(least, 0)),
			enginetest.Node("after", s, "a", 1), enginetest.Node("later", s, "l"), enginetest.Node("more", s, "m", 2))
		g.Nodes[3].Needs = []int{1} // an order alone does not lean on the gate
		return g
	}
	want(t, "cold plan", b.statuses(graph("0.3", 0.4)),
		"eval stale: never ran\ntune gated: gate: acc > 0.4, decided after eval\nafter maybe: upstream tune waits for a gate\nlater stale: never ran\nmore maybe: upstream after waits for a gate")
	const more = "\nmore skipped: reads after, which is off"
	const shut = "tune skipped: gate: acc 0.3 > 0.4 is false\nafter skipped: reads tune, which is off (gate: acc 0.3 > 0.4 is false)\nlater "
	want(t, "shut", states(b.run(graph("0.3", 0.4))), "eval done\n"+shut+"done"+more)
	want(t, "again", states(b.run(graph("0.3", 0.4))), "eval fresh\n"+shut+"fresh"+more)
	want(t, "warm plan", b.statuses(graph("0.3", 0.4)),
		"eval fresh\ntune off: gate: acc 0.3 > 0.4 is false\nafter off: reads tune, which is off (gate: acc 0.3 > 0.4 is false)\nlater fresh\nmore off: reads after, which is off")
	runs := s.Runs()
	want(t, "open", states(b.run(graph("0.3", 0.2))), "eval fresh\ntune done\nafter done\nlater fresh\nmore done")
	want(t, "runs", s.Runs()-runs, 3)
	want(t, "shut again", states(b.run(graph("0.3", 0.4))), "eval fresh\n"+shut+"fresh"+more)
	// Another bound that is passed too: what is there is found again.
	want(t, "moved", states(b.run(graph("0.3", 0.25))), "eval fresh\ntune fresh\nafter fresh\nlater fresh\nmore fresh")
	b.opts.Force = []string{"eval"}
	want(t, "forced plan", b.statuses(graph("0.3", 0.25)), "eval stale: forced\ntune gated: gate: acc > 0.25, decided after eval\n"+
		"after maybe: upstream tune waits for a gate\nlater fresh\nmore maybe: upstream after waits for a gate")
	p := b.plan(graph("0.3", 0.25))
	if tune, after := p.Nodes[1], p.Nodes[2]; tune.Key == "" || tune.Record != nil || after.Key != "" {
		t.Errorf("what is behind the gate is counted on: %+v, %+v", tune, after)
	}
	b.opts.Force, b.opts.Only = nil, []string{"tune"}
	want(t, "another score", states(b.run(graph("0.9", 0.4))), "eval done\ntune fresh\nafter unknown\nlater unknown\nmore unknown")
}

func TestAGateThatLacksItsNumberFailsTheNode(t *testing.T) {
	t.Parallel()
	for _, keepGoing := range []bool{false, true} {
		b, s := newBench(t), enginetest.Concat()
		b.opts.KeepGoing = keepGoing
		g := enginetest.Graph(enginetest.Node("eval", s, `{"loss": 3}`), gated(enginetest.Node("tune", s, "t"), above(0.4, 0)), enginetest.Node("after", s, "", 1))
		r, err := b.try(g)
		want(t, "states", states(r), "eval done\ntune failed\nafter skipped: upstream tune failed")
		if !strings.Contains(err.Error(), "stage tune: there is no metric acc") || fault.HintOf(err) != "there is loss" || fault.CodeOf(err) != fault.Recipe {
			t.Errorf("error %v, hint %s", err, fault.HintOf(err))
		}
		want(t, "plan", strings.Split(b.statuses(g), "\n")[1], "tune gated: there is no metric acc")
		g.Nodes[0].Params["text"] = "no numbers"
		if _, err := b.try(g); err == nil || !strings.Contains(err.Error(), "stage tune: eval.out: read metrics of out: byte 0") {
			t.Errorf("no numbers: %v", err)
		}
	}
}

func TestAGateThatIsShutEndsTheQuestion(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), enginetest.Concat()
	broken := above(0.1, 0)
	broken.Decide = func([]metric.Set) (engine.Verdict, error) { return engine.Verdict{}, errors.New("boom") }
	g := enginetest.Graph(enginetest.Node("eval", s, `{"acc": 0.3}`), gated(enginetest.Node("tune", s, "t"), above(0.2, 0), above(0.4, 0), broken))
	r := b.run(g)
	want(t, "states", states(r), "eval done\ntune skipped: gate: acc 0.3 > 0.4 is false")
	n, _ := r.Node("tune")
	want(t, "doors", fmt.Sprint(n.Gates[0].Door, " ", n.Gates[1].Door, " ", len(n.Gates)), "open shut 2")
}

func TestNumbersInARemoteAreNotThereYet(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), enginetest.Concat()
	g := enginetest.Graph(enginetest.Node("eval", s, `{"acc": 0.3}`), gated(enginetest.Node("tune", s, "t"), above(0.2, 0)))
	r := b.run(g)
	far := newBench(t)
	remote := newFakeRemote(far)
	n, _ := r.Node("eval")
	remote.records[n.Key] = n.Record
	want(t, "plan", far.statuses(g), "eval remote: at fake://team\ntune gated: gate: acc > 0.2, decided after eval")
	want(t, "run", states(far.run(g)), "eval fresh\ntune done")
}

func TestAGateOnWhatDidNotRun(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), enginetest.Concat()
	nodes := func() []engine.Node {
		return []engine.Node{enginetest.Node("eval", s, `{"acc": 0.3}`), gated(enginetest.Node("tune", s, `{"acc": 0.5}`), above(0.4, 0)),
			gated(enginetest.Node("next", s, "n"), above(0.1, 1)), gated(enginetest.Node("last", s, "l"), above(0.1, 2), above(0.9, 0))}
	}
	want(t, "states", states(b.run(enginetest.Graph(nodes()...))), "eval done\ntune skipped: gate: acc 0.3 > 0.4 is false\n"+
		"next skipped: reads tune, which is off (gate: acc 0.3 > 0.4 is false)\nlast skipped: reads next, which is off")
	failing := nodes()
	failing[0].Stage = enginetest.Fail(errors.New("boom"))
	b.opts.KeepGoing = true
	r, err := b.try(enginetest.Graph(failing...))
	want(t, "failure", states(r), "eval failed\ntune skipped: upstream eval failed\nnext skipped: upstream tune skipped\nlast skipped: upstream next skipped")
	if err == nil {
		t.Error("no error")
	}
}

// fan is cells with a gate each, and what reads the list of them and a file beside.
func fan(s *enginetest.Fake, least float64, accs ...float64) *engine.Graph {
	var nodes []engine.Node
	var list []any
	for i, acc := range accs {
		nodes = append(nodes, enginetest.Node(fmt.Sprint("eval", i), s, fmt.Sprintf(`{"acc": %g}`, acc)))
	}
	for i := range accs {
		n := gated(enginetest.Node(fmt.Sprintf("cell[i=%d]", i), s, fmt.Sprint(i)), above(least, i))
		n.Name = "cell"
		list = append(list, engine.Output{Node: len(nodes), Port: "out", Cell: true})
		nodes = append(nodes, n)
	}
	all := enginetest.Node("all", s, "!")
	all.Params["in"] = append(list, engine.Output{Node: 0, Port: "out"})
	return enginetest.Graph(append(nodes, all)...)
}

func TestAListOverAMatrixLeavesOutWhatIsGatedOff(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), enginetest.Concat()
	accs := []float64{0.1, 0.5, 0.3, 0.7}
	want(t, "cold plan", strings.Split(b.statuses(fan(s, 0.4, accs...)), "\n")[8], "all maybe: upstream cell[i=0] waits for a gate")
	r := b.run(fan(s, 0.4, accs...))
	want(t, "output", b.output(r, "all"), `13{"acc": 0.1}!`)
	want(t, "warm plan", strings.Split(b.statuses(fan(s, 0.4, accs...)), "\n")[8], "all fresh")
	r = b.run(fan(s, 0.6, accs...))
	want(t, "output with one", b.output(r, "all"), `3{"acc": 0.1}!`)
	r = b.run(fan(s, 0.9, accs...))
	n, _ := r.Node("all")
	want(t, "with none", n.State.String()+" "+n.Why, "skipped reads cell[i=0], which is off (gate: acc 0.1 > 0.9 is false)")
	r = b.run(fan(s, 0.4, accs...))
	want(t, "back", states(r)[strings.LastIndex(states(r), "\n")+1:], "all fresh")
}

func TestAListThatNamesInstancesNeedsThemAll(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), enginetest.Concat()
	graph := func(cells bool) *engine.Graph {
		g := fan(s, 0.4, 0.5, 0.6)
		list, _ := g.Nodes[4].Params["in"].([]any)
		for i := range 2 {
			list[i] = engine.Output{Node: 2 + i, Port: "out", Cell: cells}
		}
		return g
	}
	b.opts.Only = []string{"cell"}
	b.run(graph(true))
	b.opts.Only, b.opts.Force = nil, []string{"eval0"}
	last := func(text string) string { return text[strings.LastIndex(text, "\n")+1:] }
	want(t, "of a matrix", last(b.statuses(graph(true))), "all stale: never ran")
	want(t, "by name", last(b.statuses(graph(false))), "all maybe: upstream cell[i=0] waits for a gate")
	b.opts.Force = nil
	g := graph(false)
	g.Nodes[2].Gates[0] = above(0.9, 0)
	want(t, "one is off", last(states(b.run(g))), "all skipped: reads cell[i=0], which is off (gate: acc 0.5 > 0.9 is false)")
}

// TestGatesChangeNoKeys holds that a node has the key that it has without gates, and one that reads a list over a matrix
// the key that it has when the recipe itself switches off what the gates do.
func TestGatesChangeNoKeys(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), enginetest.Concat()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 3).Draw(rt, "cells")
		accs := rapid.SliceOfN(rapid.SampledFrom([]float64{0.1, 0.5, 0.9}), n, n).Draw(rt, "accs")
		least := rapid.SampledFrom([]float64{0, 0.1, 0.3, 0.7, 1}).Draw(rt, "least")
		keys := func(r *sched.Result) map[string]key.Key {
			all := map[string]key.Key{}
			for _, x := range r.Nodes {
				if x.State == sched.Done {
					all[x.ID] = x.Key
				}
			}
			return all
		}
		have := keys(b.run(fan(s, least, accs...)))
		plain := fan(s, least, accs...)
		var live []any
		for i := range plain.Nodes {
			x := &plain.Nodes[i]
			if x.Gates != nil && accs[i-n] <= least {
				x.Off = "when: false"
			} else if x.Gates != nil {
				live = append(live, engine.Output{Node: i, Port: "out"})
			}
			x.Gates = nil
		}
		all := &plain.Nodes[2*n]
		in, _ := all.Params["in"].([]any)
		if all.Params["in"] = slices.Concat(live, in[n:]); len(live) == 0 {
			all.Off = "when: false"
		}
		want(t, "keys", have, keys(b.run(plain)))
		planned := b.plan(fan(s, least, accs...))
		for _, x := range planned.Nodes {
			if k := have[x.ID]; k != x.Key {
				t.Errorf("%s: planned %s, ran with %s", x.ID, x.Key, k)
			}
		}
	})
}
