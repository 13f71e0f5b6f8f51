package report

import (
	"fmt"
	"slices"
	"strings"
)

// What a picture shows one by one: maxBoxes nodes, maxRow of them from one stage. minCells instances are worth one box.
const (
	maxBoxes = 60
	maxRow   = 8
	minCells = 2
)

// Collapsed is the graph with one box for all instances of a stage that has many of them, or of every matrix stage when
// there are more nodes than a picture can show. all collapses every matrix stage. A box has the state that a person has
// to know first, and tells how many instances have which.
func (g Graph) Collapsed(all bool) Graph {
	g = g.clean()
	least := maxRow + 1
	if all || len(g.Nodes) > maxBoxes {
		least = minCells
	}
	cells := map[string]int{}
	for _, n := range g.Nodes {
		cells[n.Group]++
	}
	box := make([]int, len(g.Nodes)) // node -> box
	at := map[string]int{}
	var members [][]int
	for i, n := range g.Nodes {
		b, known := at[n.Group]
		if n.Group == "" || cells[n.Group] < least || !known {
			b = len(members)
			members = append(members, nil)
			at[n.Group] = b
		}
		box[i] = b
		members[b] = append(members[b], i)
	}
	order, ok := sortBoxes(g, box, len(members))
	if !ok {
		return g // stages that read one another's cells crosswise
	}
	rank := make([]int, len(members))
	out := Graph{Title: g.Title}
	for r, b := range order {
		rank[b] = r
		out.Nodes = append(out.Nodes, g.summary(members[b]))
	}
	for _, e := range g.Edges {
		if from, to := rank[box[e.From]], rank[box[e.To]]; from != to {
			out.Edges = append(out.Edges, Edge{from, to, e.Order, e.Gate})
		}
	}
	return out.clean()
}

// summary is the box of some instances of a stage.
func (g Graph) summary(members []int) Node {
	first := g.Nodes[members[0]]
	if len(members) == 1 {
		return first
	}
	n := Node{ID: fmt.Sprintf("%s ×%d", first.Group, len(members)), Kind: first.Kind, Group: first.Group, Link: first.Link}
	counts := map[string]int{}
	for _, m := range members {
		counts[g.Nodes[m].State]++
	}
	urgent := []string{"failed", "running", "cancelled", "stale", "gated", "maybe", "wanted", "ready", "queued", "skipped", "off", "done", "fresh", ""}
	var parts []string
	for _, s := range urgent {
		if counts[s] == 0 {
			continue
		}
		if len(parts) == 0 {
			n.State = s
		}
		name := s
		if name == "" {
			name = "not reached"
		}
		parts = append(parts, fmt.Sprintf("%d %s", counts[s], name))
	}
	n.Detail = strings.Join(parts, ", ")
	return n
}

// sortBoxes puts boxes into an order in which each comes after those it reads, the given one where it may; false when
// there is none.
func sortBoxes(g Graph, box []int, n int) ([]int, bool) {
	after := make([][]int, n)
	waits := make([]int, n)
	for _, e := range g.Edges {
		if from, to := box[e.From], box[e.To]; from != to {
			after[from] = append(after[from], to)
			waits[to]++
		}
	}
	var order []int
	for len(order) < n {
		next := slices.Index(waits, 0)
		if next < 0 {
			return nil, false
		}
		waits[next] = -1 // taken
		order = append(order, next)
		for _, to := range after[next] {
			waits[to]--
		}
	}
	return order, true
}
