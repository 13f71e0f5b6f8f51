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

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/store"
)

// made is what execute gives besides an error.
type made struct {
	record   *store.Record
	ran      bool // false when the result was there already
	attempts []Attempt
}

// execute makes the result of a node, whose key's lock is held: scratch, attempts, publish.
func (r *runner) execute(i, cpu int) (m made, err error) {
	in, n := r.insts[i], &r.result.Nodes[i]
	if r.mayReuse(i) {
		// It may have been made between the first look and the lock.
		if rec, ok := r.store.Lookup(r.ctx, n.Key); ok {
			return made{record: rec}, nil
		}
	}
	m.ran = true
	if err := r.secrets.ready(in); err != nil {
		return m, err
	}
	began := r.opts.Now()
	sc, err := r.store.Scratch(n.Key, in.spec.Resumable)
	if err != nil {
		return m, r.store.Explain(err)
	}
	defer func() {
		if err != nil {
			err = r.store.Explain(errors.Join(err, sc.Close(r.ctx)))
		}
	}()
	out, err := r.attempts(i, sc, cpu, &m)
	if err != nil {
		return m, err
	}
	text, err := r.manifest(i, out, began)
	if err != nil {
		return m, err
	}
	m.record, err = r.store.Publish(r.ctx, sc, in.ports, out.Digests, text)
	return m, err
}

// manifest says what made a node's result.
func (r *runner) manifest(i int, out engine.Out, began time.Time) (artifact.Manifest, error) {
	in, n := r.insts[i], &r.result.Nodes[i]
	in.notePins(out.Notes)
	m := artifact.Manifest{Stage: in.spec.Name, Version: in.spec.Version, Parents: r.nodes[i].inputs.parents,
		Notes: r.secrets.cut.Data(out.Notes),
		Made: artifact.Made{Belay: r.opts.Belay, Recipe: r.graph.Recipe, RecipeDigest: r.graph.Digest, Node: n.ID,
			Host: r.opts.Host, At: began.UTC().Truncate(time.Second), Took: r.opts.Now().Sub(began)}}
	if len(m.Notes) == 0 {
		m.Notes = nil
	}
	var err error
	m.Parts, err = json.Marshal(n.Parts)
	return m, err
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
	params, err := in.decode(r.nodes[i].inputs.refs, r.secrets)
	if err != nil {
		return out, err
	}
	given := engine.In{Params: params, Work: sc.Work, CPU: cpu, Env: in.env, Events: ev, Secrets: r.secrets.cut}
	ctx := r.ctx
	if in.node.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, in.node.Timeout)
		defer cancel()
	}
	err = runStage(ctx, in.node.Stage, given, out)
	if err != nil && ctx.Err() != nil && r.ctx.Err() == nil {
		return out, &fault.Error{Code: fault.Compute, Timeout: true, Hint: "raise the timeout of the stage, or find out what it waits for",
			Err: fmt.Errorf("no end within its timeout of %s: %w", in.node.Timeout, err)}
	}
	if err != nil {
		return out, err
	}
	for _, p := range in.ports {
		if _, err := os.Lstat(out.Ports[p.Name]); err != nil {
			return out, fault.New(fault.Internal, "port %s was not written (%s)", p.Name, p.Rel())
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
