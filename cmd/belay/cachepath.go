package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/sched"
	"github.com/belay-ml/belay/engine/store"
)

// pathJSON is one result of `belay cache path --json`.
type pathJSON struct {
	Path  string            `json:"path"`
	ID    string            `json:"id,omitempty"`
	Ports map[string]string `json:"ports,omitempty"`
}

func newCachePath(a *app) *cobra.Command {
	var f recipeFlags
	c := &cobra.Command{
		Use:   "path [RECIPE STAGE[.PORT]]",
		Short: "Print where the store is, or the result of a stage",
		Long: `Print where the store of this workspace is; with a recipe and a stage, where the stage's result lies, a line for each
cell of a matrix. sft.checkpoint is the port checkpoint of stage sft.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				return fault.New(fault.Usage, "cache path: which stage of %s?", args[0]).WithHint("say belay cache path RECIPE STAGE")
			}
			return cobra.MaximumNArgs(2)(c, args)
		},
		ValidArgsFunction: completeRecipe(true),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				dir, err := here()
				if err != nil {
					return err
				}
				j := pathJSON{Path: filepath.Join(dir, store.Dir)}
				return a.print(j, func(w io.Writer) error {
					_, err := fmt.Fprintln(w, j.Path)
					return err
				})
			}
			p, err := a.project(c.Context(), args[0], f)
			if err != nil {
				return err
			}
			st, err := a.store(p.space)
			if err != nil {
				return err
			}
			defer st.Close()
			stage, port := stagePort(p, args[1])
			nodes, err := a.results(c.Context(), p, st, []string{stage})
			if err != nil {
				return err
			}
			var js []pathJSON
			for i := range nodes {
				j, err := pathOf(&nodes[i], port)
				if err != nil {
					return err
				}
				js = append(js, j)
			}
			return a.print(js, func(w io.Writer) error {
				for _, j := range js {
					if _, err := fmt.Fprintln(w, j.Path); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	f.register(c)
	f.registerLocked(c)
	return c
}

// stagePort splits "sft.checkpoint", unless a stage is called so: cells may have dots in them.
func stagePort(p *project, text string) (stage, port string) {
	for i := range p.graph.Nodes {
		if n := &p.graph.Nodes[i]; n.ID == text || n.Name == text {
			return text, ""
		}
	}
	if dot := strings.LastIndexByte(text, '.'); dot > strings.LastIndexByte(text, ']') {
		return text[:dot], text[dot+1:]
	}
	return text, ""
}

// pathOf is where a result lies, or one port of it.
func pathOf(n *sched.NodePlan, port string) (pathJSON, error) {
	j := pathJSON{Path: n.Record.Root, ID: n.ID}
	if port == "" {
		j.Ports = map[string]string{}
		for _, name := range n.Record.PortNames() {
			j.Ports[name] = n.Record.Path(name)
		}
		return j, nil
	}
	if _, ok := n.Record.Ports[port]; !ok {
		return j, fault.New(fault.Usage, "stage %s has no port %q", n.ID, port).WithHint("it has %s", strings.Join(n.Record.PortNames(), ", "))
	}
	j.Path = n.Record.Path(port)
	return j, nil
}
