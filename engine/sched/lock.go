package sched

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/lockfile"
	"github.com/belay-ml/belay/engine/store"
)

// Pin says that a lock file replaced what a parameter says.
type Pin struct {
	Param string
	From  string // as the recipe says it
	To    string
	At    string // where the lock file does: "belay.lock:12"
}

func (p Pin) String() string {
	return fmt.Sprintf("%s %s pinned to %s by %s", p.Param, p.From, lockfile.Short(p.To), p.At)
}

// floats are the parameters that float under an instance's values.
func (in *instance) floats() []engine.Float {
	if s, ok := in.node.Stage.(engine.Pinner); ok && in.values != nil {
		return s.Floats(in.values)
	}
	return nil
}

// pin puts what the lock file pins in the place of what floats, before keys are computed.
func (in *instance) pin(lock *lockfile.File) {
	for _, f := range in.floats() {
		from, ok := in.values[f.Param].(string)
		if !ok {
			continue
		}
		if e, ok := lock.Find(f.Kind, f.Name...); ok {
			in.values[f.Param] = e.Value
			in.pins = append(in.pins, Pin{Param: f.Param, From: from, To: e.Value, At: e.At()})
		}
	}
}

// notePins tells in a manifest what was asked for in the place of what the lock file pinned.
func (in *instance) notePins(notes map[string]any) {
	if len(in.pins) == 0 {
		return
	}
	asked := map[string]any{}
	for _, p := range in.pins {
		asked[p.Param] = p.From
	}
	notes["pinned"] = asked
}

// honour compares the wanted nodes with the lock file, if there is one. What differs from it or is not in it is an error
// when the run is bound to it; otherwise changed sources are warned of.
func (o Options) honour(ctx context.Context, insts []*instance, want []bool, r *resolver) error {
	if o.Lock == nil && !o.Locked {
		return nil
	}
	var strays, warnings []string
	for i, in := range insts {
		if !want[i] {
			continue
		}
		for _, f := range in.floats() {
			e := lockfile.Entry{Kind: f.Kind, Name: f.Name}
			strays = append(strays, fmt.Sprintf("%s: %s is not in %s", in.node.ID, e.Thing(), lockfile.Name))
		}
	}
	found, err := r.all(ctx, insts, want)
	if err != nil && o.Locked {
		return err
	}
	for _, s := range found {
		place := lockfile.Place(r.store.Workspace(), s.Path, s.As)
		e, ok := o.Lock.Source(place)
		switch {
		case !ok:
			strays = append(strays, fmt.Sprintf("%s is not in %s", place, lockfile.Name))
		case s.digest != "" && e.Value != string(s.digest):
			text := fmt.Sprintf("%s is not what %s pins", place, e.At())
			strays, warnings = append(strays, text), append(warnings, text)
		}
	}
	if o.Locked && len(strays) > 0 {
		slices.Sort(strays)
		return fault.New(fault.Data, "%s", strings.Join(slices.Compact(strays), "\n")).
			WithHint("belay lock RECIPE takes what is there now into %s; put the pinned data back to run with --locked", lockfile.Name)
	}
	for _, w := range warnings {
		if o.Warn != nil {
			o.Warn(w)
		}
	}
	return ctx.Err()
}

// found is a source with its content, which is empty where it could not be read.
type found struct {
	engine.Source
	digest artifact.Digest
}

// all digests the sources of the wanted nodes, each once, in the order of the graph. The error is the first about a
// source that cannot be read; the others are found all the same.
func (r *resolver) all(ctx context.Context, insts []*instance, want []bool) ([]found, error) {
	var out []found
	seen := map[string]bool{}
	for i, in := range insts {
		for _, item := range in.inputs {
			if s, ok := item.from.(engine.Source); ok && want[i] && !seen[s.Path] {
				seen[s.Path] = true
				out = append(out, found{Source: s})
			}
		}
	}
	errs := make([]error, len(out))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range out {
		g.Go(func() error {
			out[i].digest, errs[i] = r.source(ctx, out[i].Source)
			return nil
		})
	}
	_ = g.Wait()
	for _, err := range errs {
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// Locking says how Lock renews a lock file.
type Locking struct {
	Update  []string // stages whose floating parameters are resolved again though they are pinned; "*" is all
	Resolve bool     // ask what the others mean; otherwise they are only told
	Events  func(node string) event.Stage
}

// Locked is what a lock file must hold for a graph.
type Locked struct {
	Entries []lockfile.Entry // with a value
	Missing []lockfile.Entry // floating and not pinned, when they were not to be resolved
}

// Lock finds what a graph's floating parameters mean and what its sources hold. Pins of o.Lock stay, unless they are to be
// updated. It runs nothing.
func Lock(ctx context.Context, g *engine.Graph, st *store.Store, o Options, l Locking) (*Locked, error) {
	lock := o.Lock
	o.Lock = nil // what floats must float
	o = o.filled()
	insts, err := newInstances(g, o)
	if err != nil {
		return nil, err
	}
	update := make([]bool, len(insts))
	if slices.Contains(l.Update, "*") {
		for i := range update {
			update[i] = true
		}
	} else if update, err = named(g, l.Update); err != nil {
		return nil, err
	}
	secrets := newVault(o, insts)
	out := &Locked{}
	seen := map[string]bool{}
	for i, in := range insts {
		for _, f := range in.floats() {
			e := lockfile.Entry{Kind: f.Kind, Name: f.Name}
			old, pinned := lock.Find(f.Kind, f.Name...)
			switch {
			case seen[e.Thing()]:
				continue
			case pinned && !update[i]:
				out.Entries = append(out.Entries, old)
			case !l.Resolve:
				out.Missing = append(out.Missing, e)
			default:
				if e.Value, err = in.resolve(ctx, f, secrets, l.Events(in.node.ID)); err != nil {
					return nil, fmt.Errorf("stage %s: pin %s: %w", in.node.ID, f.Param, err)
				}
				out.Entries = append(out.Entries, e)
			}
			seen[e.Thing()] = true
		}
	}
	all := make([]bool, len(insts))
	for i, in := range insts {
		all[i] = in.node.Off == ""
	}
	r := &resolver{store: st}
	sources, err := r.all(ctx, insts, all)
	if err != nil {
		return nil, err
	}
	for _, s := range sources {
		kind := lockfile.KindFile
		if d, err := os.Stat(s.Path); err == nil && d.IsDir() {
			kind = lockfile.KindDir
		}
		out.Entries = append(out.Entries, lockfile.Entry{Kind: kind, Name: []string{lockfile.Place(st.Workspace(), s.Path, s.As)}, Value: string(s.digest)})
	}
	return out, nil
}

// resolve asks a stage what a float means.
func (in *instance) resolve(ctx context.Context, f engine.Float, secrets *vault, ev event.Stage) (string, error) {
	if err := secrets.ready(in); err != nil {
		return "", err
	}
	refs := map[string]artifact.Ref{}
	for _, item := range in.inputs {
		if s, ok := item.from.(engine.Source); ok {
			refs[item.path] = artifact.Ref{Path: s.Path, Label: item.label}
		}
	}
	params, err := in.decode(refs, secrets)
	if err != nil {
		return "", secrets.cut.Error(err)
	}
	if ev.Sink != nil {
		ev.Sink = secrets.cut.Sink(ev.Sink)
	}
	given := engine.In{Params: params, CPU: 1, Env: in.env, Events: ev, Secrets: secrets.cut}
	value, err := in.node.Stage.(engine.Pinner).Pin(ctx, given, f)
	return value, secrets.cut.Error(err)
}
