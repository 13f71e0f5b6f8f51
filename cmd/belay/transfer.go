package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

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

// result is a result that is or may be in the store.
type result struct {
	node  string
	key   key.Key
	ports []artifact.Port
	rec   *store.Record // nil when it is not here
	bytes int64
}

// both opens the store and the remote of a workspace, or a place that stands for it.
func (a *app) both(ctx context.Context, w *workspace.File, place, what string) (*store.Store, *remote.Client, error) {
	if w.Remote.URL == "" && place == "" {
		return nil, nil, noRemote(what)
	}
	st, err := a.store(w)
	if err != nil {
		return nil, nil, err
	}
	var c *remote.Client
	if place == "" {
		c, err = a.client(ctx, w, st)
	} else {
		var b remote.Bucket
		if b, err = placeBucket(place); err == nil {
			c = remote.New(b, st, remote.Options{Parallel: w.Remote.Parallel})
		}
	}
	if err != nil {
		return nil, nil, errors.Join(err, st.Close())
	}
	return st, c, nil
}

// planResults are the results of a recipe's stages, as far as their keys are known.
func (a *app) planResults(ctx context.Context, p *project, st *store.Store, at sched.Remote, only []string) ([]result, error) {
	opt := runFlags{}.options(only)
	opt.Remote = at
	planned, err := sched.Plan(ctx, p.graph, st, a.locked(p, opt))
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
