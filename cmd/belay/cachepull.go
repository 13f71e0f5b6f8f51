package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/store"
)

func newCachePull(a *app) *cobra.Command {
	var f recipeFlags
	var dry bool
	var from string
	c := &cobra.Command{
		Use:   "pull RECIPE [STAGE...]",
		Short: "Bring the results of a recipe from the remote",
		Long: `Bring what the remote of belay.yaml has of a recipe as it stands, and run nothing. With STAGE names, only those and
what they need. With --from it comes from a folder or sftp://user@host/folder that belay cache push --to has
filled.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRecipe(true),
		RunE: func(c *cobra.Command, args []string) error {
			return a.cachePull(c.Context(), args, f, from, dry)
		},
	}
	f.register(c)
	c.Flags().StringVar(&from, "from", "", "a folder or sftp://user@host/folder in the place of the remote")
	c.Flags().BoolVarP(&dry, "dry-run", "n", false, "show what would be pulled")
	return c
}

func (a *app) cachePull(ctx context.Context, args []string, f recipeFlags, from string, dry bool) error {
	p, err := a.project(ctx, args[0], f)
	if err != nil {
		return err
	}
	st, c, err := a.both(ctx, p.space, from, "cache pull")
	if err != nil {
		return err
	}
	defer st.Close()
	defer c.Close()
	look := &strict{client: c, found: map[key.Key]error{}}
	all, err := a.planResults(ctx, p, st, look, args[1:])
	if err == nil {
		err = look.err
	}
	if err != nil {
		return err
	}
	return a.move(ctx, c, all, func(ctx context.Context, r result, ev event.Stage) (moved, error) {
		out := moved{Status: "there", Bytes: r.bytes}
		wrong, has := look.found[r.key]
		switch {
		case r.rec != nil:
			return out, nil
		case wrong != nil:
			return out, wrong
		case !has:
			out.Status = "missing"
			return out, nil
		case dry:
			out.Status, out.Sent = "pull", r.bytes
			return out, nil
		}
		lock, err := st.Lock(ctx, r.key, nil)
		if err != nil {
			return out, err
		}
		defer lock.Release()
		if _, ok := st.Lookup(ctx, r.key); ok {
			return out, nil
		}
		out.Status = "pulled"
		count := &received{Sink: ev.Sink}
		ev.Sink = count
		rec, err := c.Pull(ctx, r.key, r.ports, ev)
		if rec == nil && err == nil {
			out.Status = "missing"
		}
		out.Sent = count.bytes
		return out, err
	})
}

// received remembers the last progress.
type received struct {
	event.Sink
	bytes int64
}

// Emit looks at progress on the way.
func (r *received) Emit(e event.Event) {
	if e.Progress != nil {
		r.bytes = e.Progress.Done
	}
	r.Sink.Emit(e)
}

// strict is the remote of a plan that must know: an error that is not about one result ends the looking.
type strict struct {
	client *remote.Client
	found  map[key.Key]error // what the remote says it has; the error where that is no result
	err    error
}

func (s *strict) Look(ctx context.Context, k key.Key, ports []artifact.Port) *artifact.Manifest {
	if s.err != nil {
		return nil
	}
	r, err := s.client.Look(ctx, k, ports)
	switch {
	case r != nil || errors.Is(err, remote.ErrWrong):
		s.found[k] = err
	case err != nil:
		s.err = err
	}
	if r == nil {
		return nil
	}
	return r.Manifest
}

func (s *strict) Pull(context.Context, key.Key, []artifact.Port, event.Stage) *store.Record {
	return nil
}
func (s *strict) Push(context.Context, *store.Record, event.Stage) {}
func (s *strict) String() string                                   { return s.client.String() }
