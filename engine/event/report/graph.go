package report

import (
	"time"

	"github.com/belay-ml/belay/engine/event/record"
)

// Graph is what there is to draw. Nodes come after those they read.
type Graph struct {
	Title string
	Nodes []Node
	Edges []Edge
}

// Node is a stage instance.
type Node struct {
	ID     string // shown as the title
	Kind   string // stage kind, shown below
	State  string // of event.State, or stale, gated, or maybe, or "" for a recipe that was not planned
	Detail string // shown after the kind: a duration, a reason
	Group  string // name of the stage, which its instances share; may be empty
	Link   string // fragment that a click leads to, such as "#stage-3"; may be empty
}

// Edge says that To reads From; Order is an order without data (needs). Of these, Gate says that To runs or not by the
// numbers of From.
type Edge struct {
	From, To    int // into Nodes
	Order, Gate bool
}

// Of is the graph of a run.
func Of(run *record.Run) Graph {
	g := Graph{Title: run.Recipe}
	index := make(map[string]int, len(run.Nodes))
	for i := range run.Nodes {
		n := &run.Nodes[i]
		index[n.ID] = i
		detail := ""
		if n.Took > 0 {
			detail = clock(n.Took)
		}
		g.Nodes = append(g.Nodes, Node{ID: n.ID, Kind: n.Kind, State: n.State, Detail: detail, Group: n.Stage()})
	}
	for i, n := range run.Nodes {
		for _, id := range n.Reads {
			if from, ok := index[id]; ok && from != i {
				g.Edges = append(g.Edges, Edge{From: from, To: i})
			}
		}
		for _, t := range n.Gates {
			for _, id := range t.Reads {
				if from, ok := index[id]; ok && from != i {
					g.Edges = append(g.Edges, Edge{From: from, To: i, Order: true, Gate: true})
				}
			}
		}
	}
	return g
}

// sign is a state's mark, so that no colour is needed to tell states apart.
func sign(state string) string {
	switch state {
	case "done":
		return "✓"
	case "fresh":
		return "●"
	case "running":
		return "▶"
	case "failed":
		return "✗"
	case "cancelled":
		return "■"
	case "skipped", "off":
		return "–"
	case "stale", "gated", "maybe", "wanted", "ready", "queued":
		return "○"
	}
	return ""
}

// tone is the colour class of a state.
func tone(state string) string {
	switch state {
	case "done", "fresh", "running", "failed", "cancelled", "skipped":
		return state
	case "off":
		return "skipped"
	case "stale", "gated", "maybe", "wanted", "ready", "queued":
		return "waiting"
	}
	return "none"
}

// clean makes a graph safe to lay out: edges out of range, loops and doubles are left out, and so are
// edges that run against the order of the nodes, which a checked recipe does not have.
func (g Graph) clean() Graph {
	seen := make(map[[2]int]int, len(g.Edges))
	out := Graph{Title: g.Title, Nodes: g.Nodes}
	for _, e := range g.Edges {
		if e.From < 0 || e.To >= len(g.Nodes) || e.From >= e.To {
			continue
		}
		if i, dup := seen[[2]int{e.From, e.To}]; dup {
			o := &out.Edges[i]
			o.Order, o.Gate = o.Order && e.Order, o.Order && e.Order && (o.Gate || e.Gate)
			continue
		}
		seen[[2]int{e.From, e.To}] = len(out.Edges)
		out.Edges = append(out.Edges, e)
	}
	return out
}

// implied says of each edge whether a longer path has the same ends.
func (g Graph) implied() []bool {
	n := len(g.Nodes)
	after := make([][]int, n) // direct successors
	for _, e := range g.Edges {
		after[e.From] = append(after[e.From], e.To)
	}
	words := (n + 63) / 64
	reach := make([][]uint64, n) // below, a bit a node
	for i := n - 1; i >= 0; i-- {
		reach[i] = make([]uint64, words)
		for _, j := range after[i] {
			reach[i][j/64] |= 1 << (j % 64)
			for w := range words {
				reach[i][w] |= reach[j][w]
			}
		}
	}
	out := make([]bool, len(g.Edges))
	for k, e := range g.Edges {
		for _, j := range after[e.From] {
			if j != e.To && reach[j][e.To/64]&(1<<(e.To%64)) != 0 {
				out[k] = true
				break
			}
		}
	}
	return out
}

// clock is a duration for people.
func clock(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// seconds is a duration from its JSON form, bounded.
func seconds(s float64) time.Duration {
	return time.Duration(min(max(s, 0), 1e9) * float64(time.Second))
}
