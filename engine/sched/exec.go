package sched

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/secret"
	"github.com/belay-ml/belay/engine/store"
)

// Pauses between attempts double from the first to the longest.
const (
	firstPause   = time.Second
	longestPause = time.Minute
)

// execute makes the result of a node, whose key's lock is held: scratch, attempts, publish. ran is false when the
// result was there already.
func (r *runner) execute(i, cpu int) (rec *store.Record, ran bool, err error) {
	in, n := r.insts[i], &r.result.Nodes[i]
	if r.mayReuse(i) {
		// It may have been made between the first look and the lock.
		if rec, ok := r.store.Lookup(r.ctx, n.Key); ok {
			return rec, false, nil
		}
	}
	began := r.opts.Now()
	sc, err := r.store.Scratch(n.Key, in.spec.Resumable)
	if err != nil {
		return nil, false, r.explainDisk(err)
	}
	defer func() {
		if err != nil {
			err = r.explainDisk(errors.Join(err, sc.Close()))
		}
	}()
	ev := r.events(i)
	out, err := r.attempts(i, sc, cpu, ev)
	if err != nil {
		return nil, true, err
	}
	in.notePins(out.Notes)
	m := artifact.Manifest{Stage: in.spec.Name, Version: in.spec.Version, Parents: r.nodes[i].inputs.parents,
		Notes: secret.NewRedactor(in.secrets).Data(out.Notes),
		Made: artifact.Made{Belay: r.opts.Belay, Recipe: r.graph.Recipe, RecipeDigest: r.graph.Digest, Node: n.ID,
			Host: r.opts.Host, At: began.UTC().Truncate(time.Second), Took: r.opts.Now().Sub(began)}}
	if len(m.Notes) == 0 {
		m.Notes = nil
	}
	if m.Parts, err = json.Marshal(n.Parts); err != nil {
		return nil, true, err
	}
	rec, err = r.store.Publish(r.ctx, sc, in.ports, out.Digests, m)
	return rec, true, err
}

// attempts runs a stage until it succeeds, fails for good, or has used up its retries.
func (r *runner) attempts(i int, sc *store.Scratch, cpu int, ev event.Stage) (engine.Out, error) {
	in := r.insts[i]
	pause := firstPause
	for attempt := 0; ; attempt++ {
		out, err := r.attempt(i, sc, cpu, ev)
		if err == nil || r.ctx.Err() != nil {
			return out, err
		}
		var f *fault.Error
		if !errors.As(err, &f) || !f.Temporary || attempt >= in.node.Retry.Max {
			return out, err
		}
		wait := max(pause, f.RetryAfter)
		ev.Warn(fmt.Sprintf("attempt %d of %d failed, trying again in %s: %v", attempt+1, in.node.Retry.Max+1, wait, err), nil)
		if err := r.opts.Sleep(r.ctx, wait); err != nil {
			return out, err
		}
		pause = min(2*pause, longestPause)
		if err := sc.Empty(); err != nil {
			return out, err
		}
	}
}

func (r *runner) attempt(i int, sc *store.Scratch, cpu int, ev event.Stage) (engine.Out, error) {
	in := r.insts[i]
	out := engine.Out{Root: sc.Out, Ports: map[string]string{}, Notes: map[string]any{}, Digests: map[string]artifact.Digest{}}
	for _, p := range in.ports {
		if !filepath.IsLocal(p.Rel()) {
			return out, fmt.Errorf("port %s: path %q leaves the output directory", p.Name, p.Rel())
		}
		path := filepath.Join(sc.Out, p.Rel())
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return out, err
		}
		out.Ports[p.Name] = path
	}
	params, err := in.decode(r.nodes[i].inputs.refs)
	if err != nil {
		return out, err
	}
	given := engine.In{Params: params, Work: sc.Work, CPU: cpu, Env: in.env, Events: ev}
	ctx := r.ctx
	if in.node.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, in.node.Timeout)
		defer cancel()
	}
	err = runStage(ctx, in.node.Stage, given, out)
	if err != nil && ctx.Err() != nil && r.ctx.Err() == nil {
		return out, fault.New(fault.Compute, "no end within its timeout of %s: %w", in.node.Timeout, err)
	}
	if err != nil {
		return out, err
	}
	for _, p := range in.ports {
		if _, err := os.Lstat(out.Ports[p.Name]); err != nil {
			return out, fmt.Errorf("port %s was not written (%s)", p.Name, p.Rel())
		}
	}
	return out, nil
}

// runStage calls Run and turns a panic into an error, with the stack in the log.
func runStage(ctx context.Context, s engine.Stage, in engine.In, out engine.Out) (err error) {
	defer func() {
		if v := recover(); v != nil {
			if ev := in.Events; ev.Sink != nil {
				ev.Sink.Emit(event.Event{Time: ev.Now(), Run: ev.Run, Stage: ev.Name,
					Log: &event.Log{Level: "error", Text: fmt.Sprintf("panic: %v\n%s", v, debug.Stack())}})
			}
			err = fault.New(fault.Internal, "panic: %v", v)
		}
	}()
	return s.Run(ctx, in, out)
}

// explainDisk adds what to do about a full disk.
func (r *runner) explainDisk(err error) error {
	if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
		return err
	}
	e := &fault.Error{Code: fault.Compute, Err: err}
	return e.WithHint("the disk of %s is full: make room, or run `belay cache gc`", r.store.Root())
}
