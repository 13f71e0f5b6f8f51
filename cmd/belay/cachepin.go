package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/sched"
	"github.com/belay-ml/belay/engine/store"
)

func newCachePin(a *app) *cobra.Command {
	var f recipeFlags
	var name string
	c := &cobra.Command{
		Use:   "pin RECIPE [STAGE...] --name NAME",
		Short: "Keep the results of a recipe, or of some of its stages, whatever becomes of it",
		Long: `Keep the results that a recipe's stages have now under a name. belay cache gc does not remove them until belay cache unpin
NAME, even when the recipe changes or is deleted. Every stage must be fresh; belay run makes it so.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRecipe(true),
		RunE: func(c *cobra.Command, args []string) error {
			if !store.ValidPin(name) {
				return fault.New(fault.Usage, "--name %q: want letters, digits, '.', '_' and '-', the first a letter or digit", name)
			}
			return a.pin(c.Context(), name, args[0], args[1:], f)
		},
	}
	f.register(c)
	f.registerLocked(c)
	c.Flags().StringVar(&name, "name", "", "name of the pin: v1")
	if err := c.MarkFlagRequired("name"); err != nil {
		panic(err)
	}
	return c
}

func (a *app) pin(ctx context.Context, name, recipe string, stages []string, f recipeFlags) error {
	p, err := a.project(ctx, recipe, f)
	if err != nil {
		return err
	}
	st, err := a.store(p.space)
	if err != nil {
		return err
	}
	defer st.Close()
	nodes, err := a.results(ctx, p, st, stages)
	if err != nil {
		return err
	}
	pin := store.Pin{Name: name, Recipe: p.graph.Recipe, At: time.Now().UTC().Truncate(time.Second)}
	var bytes int64
	for _, n := range nodes {
		pin.Items = append(pin.Items, store.Pinned{Node: n.ID, Key: n.Key, Artifact: n.Record.Digest})
		bytes += n.Bytes
	}
	err = st.Pin(pin)
	if errors.Is(err, store.ErrPinned) {
		return fault.New(fault.Usage, "%w", err).WithHint("choose another --name, or belay cache unpin %s first", name)
	}
	if err != nil {
		return err
	}
	return a.print(pin, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "pin %s keeps %d results of %s\n", name, len(pin.Items), size(bytes))
		return err
	})
}

// results are the results of the named stages of a recipe, all that are not switched off when there is no name. A stage
// without one is an error.
func (a *app) results(ctx context.Context, p *project, st *store.Store, stages []string) ([]sched.NodePlan, error) {
	planned, err := sched.Plan(ctx, p.graph, st, a.locked(p, runFlags{}.options(nil)))
	if err != nil {
		return nil, err
	}
	var out []sched.NodePlan
	found := map[string]bool{}
	for i := range planned.Nodes {
		n := &planned.Nodes[i]
		wanted := len(stages) == 0 && n.Status != sched.Off
		for _, s := range stages {
			if n.ID == s || p.graph.Nodes[i].Name == s {
				wanted, found[s] = true, true
			}
		}
		switch {
		case !wanted:
		case n.Status == sched.Fresh:
			out = append(out, *n)
		default:
			return nil, fault.New(fault.Usage, "stage %s has no result now: it is %s (%s)", n.ID, n.Status, n.Why).WithHint("belay run %s makes it", relative(p.graph.Origin))
		}
	}
	for _, s := range stages {
		if !found[s] {
			return nil, fault.New(fault.Usage, "%s has no stage %q", p.graph.Recipe, s).WithHint("belay plan lists the stages")
		}
	}
	return out, nil
}

func newCachePins(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "pins",
		Short: "List the pins",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			st, err := a.present()
			if err != nil {
				return err
			}
			defer st.Close()
			pins, err := st.Pins()
			if err != nil {
				return err
			}
			if pins == nil {
				pins = []store.Pin{}
			}
			return a.print(pins, func(w io.Writer) error {
				rows := [][]string{{"PIN", "RECIPE", "SINCE", "RESULTS"}}
				for _, p := range pins {
					var nodes []string
					for _, it := range p.Items {
						nodes = append(nodes, it.Node)
					}
					rows = append(rows, []string{p.Name, p.Recipe, moment(p.At), strings.Join(nodes, " ")})
				}
				return table(w, rows)
			})
		},
	}
}

func newCacheUnpin(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "unpin NAME",
		Short: "Forget a pin; belay cache gc then removes what nothing else keeps",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			st, err := a.present()
			if err != nil {
				return err
			}
			defer st.Close()
			err = st.Unpin(args[0])
			if errors.Is(err, store.ErrNoPin) {
				pins, perr := st.Pins()
				if perr != nil {
					return perr
				}
				var names []string
				for _, p := range pins {
					names = append(names, p.Name)
				}
				return unknown("pin", args[0], names, "belay cache pins lists them")
			}
			return err
		},
	}
}
