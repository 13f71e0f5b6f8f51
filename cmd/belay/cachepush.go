package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/dsl/workspace"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/store"
)

func newCachePush(a *app) *cobra.Command {
	var f recipeFlags
	var dry bool
	var to string
	c := &cobra.Command{
		Use:   "push [RECIPE [STAGE...]]",
		Short: "Share results of this workspace in its remote",
		Long: `Bring results to the remote of belay.yaml: those of a recipe as it stands, or all that the store holds. What is
there is not sent again, and every object of a result is looked for by its name and size. With --to they go to a folder
instead, to be carried to machines that no network reaches, or to sftp://user@host/folder: belay cache pull --from
takes them from there. belay export makes one file of a recipe and its results.`,
		ValidArgsFunction: completeRecipe(true),
		RunE: func(c *cobra.Command, args []string) error {
			return a.cachePush(c.Context(), args, f, to, dry)
		},
	}
	f.register(c)
	c.Flags().StringVar(&to, "to", "", "a folder, which is made, or sftp://user@host/folder in the place of the remote")
	c.Flags().BoolVarP(&dry, "dry-run", "n", false, "show what would be pushed")
	return c
}

func (a *app) cachePush(ctx context.Context, args []string, f recipeFlags, to string, dry bool) error {
	var space *workspace.File
	var p *project
	var err error
	if len(args) == 0 {
		if len(f.params)+len(f.sets) > 0 {
			return fault.New(fault.Usage, "-p and --set are about a recipe: name it")
		}
		dir, e := here()
		if e != nil {
			return e
		}
		space, err = a.settings(filepath.Join(dir, "recipe.yaml"))
	} else if p, err = a.project(ctx, args[0], f); err == nil {
		space = p.space
	}
	if err != nil {
		return err
	}
	if to != "" && !dry && !strings.Contains(to, "://") {
		if err := os.MkdirAll(to, 0o755); err != nil {
			return fault.New(fault.Usage, "--to %s: %w", to, err)
		}
	}
	st, c, err := a.both(ctx, space, to, "cache push")
	if err != nil {
		return err
	}
	defer st.Close()
	defer c.Close()
	var all []result
	if p == nil {
		all, err = stored(ctx, st)
	} else {
		all, err = a.planResults(ctx, p, st, nil, args[1:])
	}
	if err != nil {
		return err
	}
	return a.move(ctx, c, all, func(ctx context.Context, r result, ev event.Stage) (moved, error) {
		out := moved{Status: "missing"}
		if r.rec == nil {
			return out, nil
		}
		out.Bytes = r.rec.Bytes
		if dry {
			there, err := c.Look(ctx, r.key, nil)
			out.Status = "there"
			if there == nil && err == nil {
				out.Status, out.Sent = "push", r.rec.Bytes
			}
			return out, err
		}
		did, err := c.Push(ctx, r.rec, ev)
		out.Sent = did.Bytes
		switch {
		case did.Other:
			out.Status = "another"
		case did.Objects > 0:
			out.Status = "pushed"
		default:
			out.Status = "there"
		}
		return out, err
	})
}

// stored are all results in the store.
func stored(ctx context.Context, st *store.Store) ([]result, error) {
	items, err := st.List(ctx)
	if err != nil {
		return nil, err
	}
	var out []result
	for _, it := range items {
		for _, k := range it.Keys {
			if rec, ok := st.Lookup(ctx, k); ok {
				out = append(out, result{node: rec.Made.Node, key: k, rec: rec, bytes: rec.Bytes})
			}
		}
	}
	return out, ctx.Err()
}
