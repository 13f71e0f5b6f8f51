package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/sched"
)

func newExplain(a *app) *cobra.Command {
	var f recipeFlags
	c := &cobra.Command{
		Use:   "explain RECIPE STAGE",
		Short: "Show what a stage's key is made of, and what changed since its last success",
		Args:  cobra.ExactArgs(2),

		ValidArgsFunction: completeRecipe(true),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := a.project(args[0], f)
			if err != nil {
				return err
			}
			planned, err := a.planned(c.Context(), p, runFlags{}.options(nil))
			if err != nil {
				return err
			}
			return a.explain(p.graph, planned, args[1])
		},
	}
	f.register(c)
	f.registerLocked(c)
	return c
}

// explanation is `belay explain --json`.
type explanation struct {
	planJSON
	Parts   []partJSON        `json:"parts"`
	Files   []string          `json:"files,omitempty"` // of inputs of which more than one file changed
	Pins    []string          `json:"pins,omitempty"`  // by belay.lock
	Origins map[string]string `json:"origins,omitempty"`
}

type partJSON struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (a *app) explain(g *engine.Graph, p *sched.Planned, stage string) error {
	var out []explanation
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if n.ID != stage && g.Nodes[i].Name != stage {
			continue
		}
		e := explanation{
			planJSON: planJSON{ID: n.ID, Kind: n.Stage, Status: string(n.Status), Why: n.Why, Key: string(n.Key), Pos: n.Pos},
			Origins:  g.Nodes[i].Origins,
		}
		for _, c := range n.Changes {
			e.Changes = append(e.Changes, c.String())
			if len(c.Files) > 1 { // one is named in the change itself
				for _, f := range c.Files {
					e.Files = append(e.Files, c.Path+": "+f.String())
				}
			}
		}
		for _, pin := range n.Pins {
			e.Pins = append(e.Pins, pin.String())
		}
		for _, part := range partsOf(n.Parts) {
			e.Parts = append(e.Parts, partJSON(part))
		}
		out = append(out, e)
	}
	if len(out) == 0 {
		return fault.New(fault.Usage, "%s has no stage %q", g.Recipe, stage).WithHint("belay plan lists the stages")
	}
	return a.print(out, func(w io.Writer) error {
		for _, e := range out {
			fmt.Fprintf(w, "%s (%s, %s): %s\n", e.ID, e.Kind, e.Pos, e.Status)
			if e.Why != "" {
				fmt.Fprintf(w, "  why: %s\n", e.Why)
			}
			for _, pin := range e.Pins {
				fmt.Fprintf(w, "  %s\n", pin)
			}
			for _, c := range e.Changes {
				fmt.Fprintf(w, "  changed: %s%s\n", c, originOf(c, e.Origins))
			}
			for _, f := range e.Files {
				fmt.Fprintf(w, "    %s\n", f)
			}
			if e.Key != "" {
				fmt.Fprintf(w, "  key: %s\n", e.Key)
			} else {
				fmt.Fprintln(w, "  key: depends on results that are not there yet")
			}
			rows := make([][]string, 0, len(e.Parts))
			for _, part := range e.Parts {
				rows = append(rows, []string{"    " + part.Name, part.Value, e.Origins[paramName(part.Name)]})
			}
			if err := table(w, rows); err != nil {
				return err
			}
		}
		return nil
	})
}

// paramName is the parameter that a part of a key is about: "lr" of "parameter lr", "data" of
// "input data[0]".
func paramName(part string) string {
	_, name, ok := strings.Cut(part, " ")
	if !ok {
		return ""
	}
	if at := strings.IndexAny(name, ".["); at >= 0 {
		name = name[:at]
	}
	return name
}

// originOf says where the parameter that a change is about was written.
func originOf(change string, origins map[string]string) string {
	head, _, _ := strings.Cut(change, ":")
	head = strings.TrimSuffix(head, " changed")
	if o := origins[paramName(head)]; o != "" {
		return "  (" + o + ")"
	}
	return ""
}
