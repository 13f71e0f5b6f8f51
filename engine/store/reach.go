package store

import (
	"context"
	"path"
	"strings"
	"time"

	"github.com/belay-ml/belay/engine/artifact"
)

// Why an artifact is kept, the strongest first: a budget takes from the last two only.
type claim uint8

const (
	unclaimed claim = iota
	recent          // used within the days
	reachable       // a last success, or what it was made of
	linked          // a link below out/ leads to it
	running         // a living process computes or may read it
	pinned
)

// reach says what must be kept: who claims it, by artifact.
type reach struct {
	store  *Store
	census *census
	lasts  []Last
	claims map[artifact.Digest]claim
	seen   map[*artifact.Manifest]bool
}

// mark finds what pins, links, running processes, last successes (but those in the folders to forget) and the days keep.
func (s *Store) mark(ctx context.Context, c *census, forget map[string]bool, cutoff, living time.Time) (*reach, error) {
	r := &reach{store: s, census: c, claims: map[artifact.Digest]claim{}, seen: map[*artifact.Manifest]bool{}}
	pins, err := s.Pins()
	if err != nil {
		return nil, err
	}
	for _, p := range pins {
		for _, it := range p.Items {
			r.claim(it.Artifact, pinned)
		}
	}
	links, err := s.linked(ctx)
	if err != nil {
		return nil, err
	}
	for d := range links {
		r.claim(d, linked)
	}
	if r.lasts, err = s.lasts(ctx, forget); err != nil {
		return nil, err
	}
	for _, l := range r.lasts {
		r.last(l)
	}
	busy, err := s.busy()
	if err != nil {
		return nil, err
	}
	for k := range busy {
		if h := c.keys[k]; h != nil {
			r.claim(h.manifest.Digest, running)
		}
	}
	for d, a := range c.artifacts {
		used := c.used(d)
		switch {
		case used.IsZero(): // no key leads to it: nobody but a process that is about to write one can want it
			if !living.IsZero() && !a.written.Before(living) {
				r.claim(d, running)
			}
		case !living.IsZero() && !used.Before(living):
			r.claim(d, running)
		case !used.Before(cutoff):
			r.claim(d, recent)
		}
	}
	return r, ctx.Err()
}

func (r *reach) claim(d artifact.Digest, by claim) { r.claims[d] = max(r.claims[d], by) }

// last marks a last success, what it read, and what that was made of.
func (r *reach) last(l Last) {
	if h := r.census.keys[l.Key]; h != nil && h.manifest.Digest == l.Artifact {
		r.from(l.Artifact, h.manifest)
	} else {
		r.artifact(l.Artifact)
	}
	for _, in := range l.Inputs {
		r.artifact(in.Artifact)
	}
}

// artifact marks an artifact and what the key that was used last made it of.
func (r *reach) artifact(d artifact.Digest) {
	a := r.census.artifacts[d]
	if a == nil {
		return
	}
	m := a.manifest
	if h := r.census.latest(d); h != nil {
		m = h.manifest
	}
	r.from(d, m)
}

func (r *reach) from(d artifact.Digest, m *artifact.Manifest) {
	r.claim(d, reachable)
	if m == nil || r.seen[m] {
		return
	}
	r.seen[m] = true
	for label, parent := range m.Parents {
		for _, up := range r.parents(label, parent) {
			r.artifact(up)
		}
	}
}

// parents are the artifacts that an input came from. A manifest tells an input's content and label ("base.model",
// "base.model/data"), not the artifact, so every artifact with that content counts.
func (r *reach) parents(label string, d artifact.Digest) []artifact.Digest {
	if whole := r.census.ports[d]; len(whole) > 0 {
		return whole
	}
	head, sub, inside := strings.Cut(label, "/")
	dot := strings.LastIndexByte(head, '.')
	if !inside || dot < 0 {
		return nil // a source
	}
	port := head[dot+1:]
	var out []artifact.Digest
	for up := range r.census.artifacts {
		for _, m := range r.census.manifests(up) {
			if c, ok := m.Ports[port]; ok && r.store.holds(up, path.Join(c.Path, sub), d) {
				out = append(out, up)
				break
			}
		}
	}
	return out
}

// holds says whether an artifact has certain content at a path.
func (s *Store) holds(up artifact.Digest, rel string, d artifact.Digest) bool {
	m, err := artifact.LoadManifest(path.Join(s.place("artifacts", string(up), ""), "manifest.json"))
	if err != nil {
		return false
	}
	t, err := m.Tree()
	if err != nil {
		return false
	}
	have, _, ok := t.At(rel)
	return ok && have == d
}

// pinNames are the names of the pins that keep each artifact.
func pinNames(pins []Pin) map[artifact.Digest][]string {
	out := map[artifact.Digest][]string{}
	for _, p := range pins {
		for _, it := range p.Items {
			if n := out[it.Artifact]; len(n) == 0 || n[len(n)-1] != p.Name {
				out[it.Artifact] = append(n, p.Name)
			}
		}
	}
	return out
}
