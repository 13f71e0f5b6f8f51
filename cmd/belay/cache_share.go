package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/belay-ml/belay/dsl/workspace"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/sched"
	"github.com/belay-ml/belay/engine/store"
)

// resultsAtOnce is how many results cache push and pull move side by side.
const resultsAtOnce = 4

// moved is what became of one result.
type moved struct {
	Stage  string `json:"stage"` // node ID
	Key    string `json:"key"`
	Status string `json:"status"` // pushed, pulled, there, another, missing, failed; with --dry-run what would be moved
	Bytes  int64  `json:"bytes"`  // of the result
	Sent   int64  `json:"sent"`   // of it, what went over the wire
	Error  string `json:"error,omitempty"`
	err    error
}

type movedJSON struct {
	Remote  string         `json:"remote"`
	Results []moved        `json:"results"`
	Counts  map[string]int `json:"counts"` // by status
	Sent    int64          `json:"sent"`
}

func newCachePush(a *app) *cobra.Command {
	var f recipeFlags
	var dry bool
	c := &cobra.Command{
		Use:   "push [RECIPE [STAGE...]]",
		Short: "Share results of this workspace in its remote",
		Long: `Bring results to the remote of belay.yaml: those of a recipe as it stands, or all that the store holds. What is
there is not sent again, and every object of a result is looked for by its name and size.`,
		ValidArgsFunction: completeRecipe(true),
		RunE: func(c *cobra.Command, args []string) error {
			return a.cachePush(c.Context(), args, f, dry)
		},
	}
	f.register(c)
	c.Flags().BoolVarP(&dry, "dry-run", "n", false, "show what would be pushed")
	return c
}

func newCachePull(a *app) *cobra.Command {
	var f recipeFlags
	var dry bool
	c := &cobra.Command{
		Use:   "pull RECIPE [STAGE...]",
		Short: "Bring the results of a recipe from the remote",
		Long: `Bring what the remote of belay.yaml has of a recipe as it stands, and run nothing. With STAGE names, only those and
what they need.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRecipe(true),
		RunE: func(c *cobra.Command, args []string) error {
			return a.cachePull(c.Context(), args, f, dry)
		},
	}
	f.register(c)
	c.Flags().BoolVarP(&dry, "dry-run", "n", false, "show what would be pulled")
	return c
}

// result is a result that is or may be in the store.
type result struct {
	node  string
	key   key.Key
	ports []artifact.Port
	rec   *store.Record // nil when it is not here
	bytes int64
}

func (a *app) cachePush(ctx context.Context, args []string, f recipeFlags, dry bool) error {
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
		space, err = a.settings(dir + "/recipe.yaml")
	} else if p, err = a.project(args[0], f); err == nil {
		space = p.space
	}
	if err != nil {
		return err
	}
	st, c, err := a.both(ctx, space, "cache push")
	if err != nil {
		return err
	}
	defer st.Close()
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

func (a *app) cachePull(ctx context.Context, args []string, f recipeFlags, dry bool) error {
	p, err := a.project(args[0], f)
	if err != nil {
		return err
	}
	st, c, err := a.both(ctx, p.space, "cache pull")
	if err != nil {
		return err
	}
	defer st.Close()
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

// both opens the store and the remote of a workspace.
func (a *app) both(ctx context.Context, w *workspace.File, what string) (*store.Store, *remote.Client, error) {
	if w.Remote.URL == "" {
		return nil, nil, noRemote(what)
	}
	st, err := a.store(w)
	if err != nil {
		return nil, nil, err
	}
	c, err := a.client(ctx, w, st)
	if err != nil {
		return nil, nil, errors.Join(err, st.Close())
	}
	return st, c, nil
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

// planResults are the results of a recipe's stages, as far as their keys are known.
func (a *app) planResults(ctx context.Context, p *project, st *store.Store, at sched.Remote, only []string) ([]result, error) {
	opt := runFlags{}.options(only)
	opt.Remote = at
	planned, err := sched.Plan(ctx, p.graph, st, opt)
	if err != nil {
		return nil, err
	}
	var out []result
	for i := range planned.Nodes {
		n := &planned.Nodes[i]
		if !n.Wanted || n.Status == sched.Off {
			continue
		}
		ports, err := p.graph.Nodes[i].Ports()
		if err != nil {
			return nil, err
		}
		out = append(out, result{node: n.ID, key: n.Key, ports: ports, rec: n.Record, bytes: n.Bytes})
	}
	return out, nil
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

// move moves results side by side, shows how far they are, and tells what became of them.
func (a *app) move(ctx context.Context, c *remote.Client, all []result, one func(context.Context, result, event.Stage) (moved, error)) error {
	sink, finish := a.progress(nil)
	out := movedJSON{Remote: c.String(), Results: make([]moved, len(all)), Counts: map[string]int{}}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(resultsAtOnce)
	for i, r := range all {
		g.Go(func() error {
			shown := &shown{sink: sink, id: r.node}
			m, err := one(ctx, r, event.Stage{Name: r.node, Sink: shown, Now: time.Now})
			shown.end(err)
			m.Stage, m.Key = r.node, string(r.key)
			if err != nil {
				m.Status, m.Error, m.err = "failed", err.Error(), err
			}
			mu.Lock()
			defer mu.Unlock()
			out.Results[i] = m
			out.Counts[m.Status]++
			out.Sent += m.Sent
			if errors.Is(err, remote.ErrDown) || errors.Is(err, remote.ErrDenied) || ctx.Err() != nil {
				return err // the others would fare no better
			}
			return nil
		})
	}
	err := g.Wait()
	finish()
	if err != nil {
		return err
	}
	if err := a.print(out, func(w io.Writer) error { return out.text(w) }); err != nil {
		return err
	}
	var errs []error
	for _, m := range out.Results {
		if m.err != nil {
			a.warn(fmt.Sprintf("%s: %v", m.Stage, m.err))
			errs = append(errs, m.err)
		}
	}
	if len(errs) > 0 {
		return fault.Wrap(fault.Network, fmt.Errorf("%d of %d results failed: %w", len(errs), len(all), errs[0]))
	}
	return nil
}

func (m movedJSON) text(w io.Writer) error {
	rows := [][]string{{"STAGE", "KEY", "SIZE", "SENT", "STATUS"}}
	for _, r := range m.Results {
		rows = append(rows, []string{r.Stage, key.Key(r.Key).Short(), size(r.Bytes), size(r.Sent), r.Status})
	}
	if len(m.Results) > 0 {
		if err := table(w, rows); err != nil {
			return err
		}
	}
	text := fmt.Sprintf("%d results", len(m.Results))
	for _, s := range []string{"pushed", "pulled", "push", "pull", "there", "another", "missing", "failed"} {
		if n := m.Counts[s]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, s)
		}
	}
	_, err := fmt.Fprintf(w, "%s, %s sent; remote %s\n", text, size(m.Sent), m.Remote)
	return err
}

// shown shows a transfer as a stage that runs, from its first progress on.
type shown struct {
	sink event.Sink
	id   string
	on   bool
}

// Emit passes on.
func (s *shown) Emit(e event.Event) {
	if !s.on && e.Progress != nil {
		s.on = true
		s.sink.Emit(event.Event{Time: e.Time, Stage: s.id, State: &event.State{To: "running"}})
	}
	s.sink.Emit(e)
}

func (s *shown) end(err error) {
	if !s.on {
		return
	}
	to := "done"
	if err != nil {
		to = "failed"
	}
	s.sink.Emit(event.Event{Time: time.Now(), Stage: s.id, State: &event.State{To: to}})
}
