package main

import (
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/event/report"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/sched"
)

func newGraph(a *app) *cobra.Command {
	var f recipeFlags
	var format, out string
	var collapse bool
	c := &cobra.Command{
		Use:   "graph RECIPE",
		Short: "Draw a recipe's stages",
		Args:  cobra.ExactArgs(1),

		ValidArgsFunction: completeRecipe(false),
		RunE: func(c *cobra.Command, args []string) error {
			write, ok := map[string]func(io.Writer, report.Graph) error{
				"svg": report.SVG, "dot": report.Dot, "mermaid": report.Mermaid, "ascii": report.Text,
			}[format]
			if !ok {
				return fault.New(fault.Usage, "--format %q: want ascii, svg, dot or mermaid", format)
			}
			p, err := a.project(c.Context(), args[0], f)
			if err != nil {
				return err
			}
			planned, err := a.planned(c.Context(), p, runFlags{}.options(nil))
			if err != nil {
				return err
			}
			d := drawing(p.graph, planned)
			if collapse {
				d = d.Collapsed(true)
			}
			return a.write(out, graphOf(d), func(w io.Writer) error { return write(w, d) })
		},
	}
	f.register(c)
	f.registerLocked(c)
	c.Flags().StringVar(&format, "format", "ascii", "ascii, svg, dot or mermaid")
	c.Flags().BoolVar(&collapse, "collapse", false, "draw one box for all cells of a matrix")
	c.Flags().StringVarP(&out, "out", "o", "", "write to this file instead of standard output")
	return c
}

// graphJSON is `belay graph --json`.
type graphJSON struct {
	Recipe string     `json:"recipe"`
	Nodes  []nodeInfo `json:"nodes"`
	Edges  []edgeJSON `json:"edges"`
}

type nodeInfo struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Status string `json:"status"`
}

// edgeJSON leads from what is read to what reads it; Order edges carry no data, and Gate edges the numbers of a condition.
type edgeJSON struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Order bool   `json:"order,omitempty"`
	Gate  bool   `json:"gate,omitempty"`
}

func graphOf(d report.Graph) graphJSON {
	g := graphJSON{Recipe: d.Title, Nodes: []nodeInfo{}, Edges: []edgeJSON{}}
	for _, n := range d.Nodes {
		g.Nodes = append(g.Nodes, nodeInfo{n.ID, n.Kind, n.State})
	}
	for _, e := range d.Edges {
		g.Edges = append(g.Edges, edgeJSON{d.Nodes[e.From].ID, d.Nodes[e.To].ID, e.Order, e.Gate})
	}
	return g
}

// drawing is a graph with the states of a plan.
func drawing(g *engine.Graph, p *sched.Planned) report.Graph {
	d := report.Graph{Title: g.Recipe}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		d.Nodes = append(d.Nodes, report.Node{ID: n.ID, Group: n.Name, Kind: n.Stage.Describe().Name, State: string(p.Nodes[i].Status), Detail: p.Nodes[i].Why})
		from := reads(n)
		for _, f := range from {
			d.Edges = append(d.Edges, report.Edge{From: f, To: i})
		}
		for _, f := range gatedBy(n) {
			if !slices.Contains(from, f) {
				d.Edges = append(d.Edges, report.Edge{From: f, To: i, Order: true, Gate: true})
			}
		}
		for _, f := range n.Needs {
			if !slices.Contains(from, f) {
				d.Edges = append(d.Edges, report.Edge{From: f, To: i, Order: true})
			}
		}
	}
	return d
}
