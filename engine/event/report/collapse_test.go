package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// listed is a graph as `belay graph` lists it.
func listed(t *testing.T, g Graph) string {
	t.Helper()
	var b bytes.Buffer
	if err := Text(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestManyCellsAreOneBox(t *testing.T) {
	t.Parallel()
	g := Graph{Title: "x", Nodes: []Node{{ID: "base", Group: "base", State: "done"}}}
	for i := range maxRow + 1 {
		g.Nodes = append(g.Nodes, Node{ID: fmt.Sprintf("sft[n=%d]", i), Group: "sft", Kind: "finetune", State: "done"}, Node{ID: fmt.Sprintf("score[n=%d]", i), Group: "score", State: "skipped"})
		at := len(g.Nodes)
		g.Edges = append(g.Edges, Edge{From: 0, To: at - 2}, Edge{From: at - 2, To: at - 1})
	}
	g.Nodes[5].State = "failed"
	g.Nodes = append(g.Nodes, Node{ID: "few[n=1]", Group: "few"}, Node{ID: "few[n=2]", Group: "few"})
	want := `✓ base                done
✗ sft ×9    finetune  failed 1 failed, 8 done  ← base
– score ×9            skipped 9 skipped  ← sft ×9
○ few[n=1]
○ few[n=2]
`
	if d := cmp.Diff(want, listed(t, g.Collapsed(false))); d != "" {
		t.Error(d)
	}
	if have := listed(t, g.Collapsed(true)); !strings.Contains(have, "few ×2") {
		t.Error(have)
	}
	small := Graph{Nodes: g.Nodes[:4], Edges: []Edge{{From: 0, To: 1}}}
	if d := cmp.Diff(listed(t, small), listed(t, small.Collapsed(false))); d != "" {
		t.Errorf("a small graph was changed: %s", d)
	}
}

func TestABoxComesAfterWhatItReads(t *testing.T) {
	t.Parallel()
	g := Graph{
		Nodes: []Node{{ID: "b[1]", Group: "b"}, {ID: "a[1]", Group: "a"}, {ID: "a[2]", Group: "a"}, {ID: "b[2]", Group: "b"}},
		Edges: []Edge{{From: 1, To: 3}},
	}
	if d := cmp.Diff("○ a ×2    2 not reached\n○ b ×2    2 not reached  ← a ×2\n", listed(t, g.Collapsed(true))); d != "" {
		t.Error(d)
	}
	g.Edges = append(g.Edges, Edge{From: 0, To: 2}) // crosswise: there is no order of the boxes
	if c := g.Collapsed(true); len(c.Nodes) != 4 {
		t.Errorf("%d boxes", len(c.Nodes))
	}
}

func TestCollapsingKeepsTheOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 90).Draw(rt, "nodes")
		var g Graph
		for i := range n {
			group := rapid.IntRange(0, 6).Draw(rt, "group")
			g.Nodes = append(g.Nodes, Node{ID: fmt.Sprintf("s%d[%d]", group, i), Group: fmt.Sprint("s", group)})
			if i > 0 && rapid.Bool().Draw(rt, "edge") {
				g.Edges = append(g.Edges, Edge{From: rapid.IntRange(0, i-1).Draw(rt, "from"), To: i})
			}
		}
		c := g.Collapsed(rapid.Bool().Draw(rt, "all"))
		for _, e := range c.Edges {
			if e.From >= e.To {
				rt.Fatalf("edge %d -> %d", e.From, e.To)
			}
		}
		if d := cmp.Diff(between(g.clean()), between(c)); d != "" {
			rt.Fatalf("stages that read one another: %s", d)
		}
		if len(c.Nodes) > len(g.Nodes) {
			rt.Fatalf("%d boxes of %d nodes", len(c.Nodes), len(g.Nodes))
		}
	})
}

// between are the stages that an edge leads between.
func between(g Graph) map[string]bool {
	out := map[string]bool{}
	for _, e := range g.Edges {
		if from, to := g.Nodes[e.From].Group, g.Nodes[e.To].Group; from != to {
			out[from+" "+to] = true
		}
	}
	return out
}
