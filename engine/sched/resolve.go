package sched

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"sync"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/store"
)

// resolver finds the content of inputs. Each source is digested once a run.
type resolver struct {
	store   *store.Store
	metrics shelf

	mu      sync.Mutex
	sources map[string]*digested
}

type digested struct {
	once   sync.Once
	digest artifact.Digest
	err    error
}

// resolved is what a node reads.
type resolved struct {
	digests map[string]artifact.Digest // by parameter path; without those that are not known yet
	refs    map[string]artifact.Ref
	origin  map[string]store.Input
	parents map[string]artifact.Digest // by label, for provenance
}

// inputs resolves the inputs of a node. records are the results of the nodes before it, nil where unknown.
func (r *resolver) inputs(ctx context.Context, in *instance, records []*store.Record) (*resolved, error) {
	out := &resolved{digests: map[string]artifact.Digest{}, refs: map[string]artifact.Ref{},
		origin: map[string]store.Input{}, parents: map[string]artifact.Digest{}}
	for _, item := range in.inputs {
		var ref artifact.Ref
		origin := store.Input{Label: item.label}
		switch from := item.from.(type) {
		case engine.Output:
			rec := records[from.Node]
			if rec == nil {
				continue
			}
			ref = rec.Ref(from.Port, item.label)
			origin.Artifact, origin.Rel = rec.Digest, rec.Ports[from.Port].Path
			if from.Sub != "" {
				if err := inside(rec, from.Sub, &ref, &origin); err != nil {
					return nil, err
				}
			}
		case engine.Source:
			d, err := r.source(ctx, from)
			if err != nil {
				return nil, err
			}
			ref = artifact.Ref{Path: from.Path, Digest: d, Label: item.label}
		}
		origin.Digest = ref.Digest
		out.digests[item.path], out.refs[item.path], out.origin[item.path] = ref.Digest, ref, origin
		out.parents[item.label] = ref.Digest
	}
	return out, nil
}

// inside narrows an input to a file or folder of a port.
func inside(rec *store.Record, sub string, ref *artifact.Ref, origin *store.Input) error {
	t, err := rec.Tree()
	if err != nil {
		return fmt.Errorf("read input %s: %w", ref.Label, err)
	}
	origin.Rel = path.Join(origin.Rel, sub)
	d, _, ok := t.At(origin.Rel)
	if !ok {
		return fault.New(fault.Data, "read input %s: the artifact holds no such file or folder", ref.Label).
			WithHint("belay inspect %s lists what it holds", ref.Path)
	}
	ref.Path, ref.Digest, ref.Kind = filepath.Join(ref.Path, filepath.FromSlash(sub)), d, artifact.Unspecified
	return nil
}

func (r *resolver) source(ctx context.Context, s engine.Source) (artifact.Digest, error) {
	r.mu.Lock()
	d, ok := r.sources[s.Path]
	if !ok {
		if r.sources == nil {
			r.sources = map[string]*digested{}
		}
		d = &digested{}
		r.sources[s.Path] = d
	}
	r.mu.Unlock()
	d.once.Do(func() {
		t, err := artifact.DigestTree(ctx, s.Path, r.store.Stats(), artifact.FollowOutside)
		if err != nil {
			name := s.As
			if name == "" {
				name = s.Path
			}
			e := fault.New(fault.Data, "read input %s: %w", name, err)
			if errors.Is(err, fs.ErrNotExist) {
				e = e.WithHint("paths are relative to the recipe file; this one is %s", s.Path)
			}
			d.err = e
			return
		}
		d.digest = t.Digest
		r.store.SaveListing(t) // only explain misses it
	})
	return d.digest, d.err
}
