package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/key"
)

// census is all that a store holds, without the listings of files.
type census struct {
	keys      map[key.Key]*held           // readable key records
	broken    []string                    // key records that cannot be read, by path
	artifacts map[artifact.Digest]*stored // what lies below artifacts/
	made      map[artifact.Digest][]*held // the key records of an artifact, by key
	ports     map[artifact.Digest][]artifact.Digest
}

// held is one key record.
type held struct {
	key      key.Key
	path     string
	used     time.Time
	manifest *artifact.Manifest // without files
	ino      uint64
	size     int64
}

// stored is one artifact's directory.
type stored struct {
	digest   artifact.Digest
	manifest *artifact.Manifest // its own, without files; nil when it cannot be read
	written  time.Time
	ino      uint64
	size     int64
}

// count takes the census. before is an earlier one, whose manifests are not read again where they are the same files;
// it may be nil.
func (s *Store) count(ctx context.Context, before *census) (*census, error) {
	c := &census{keys: map[key.Key]*held{}, artifacts: map[artifact.Digest]*stored{}, made: map[artifact.Digest][]*held{},
		ports: map[artifact.Digest][]artifact.Digest{}}
	err := s.each("keys", func(name string) error {
		k := key.Key(strings.TrimSuffix(name, ".json"))
		if !k.Valid() || string(k)+".json" != name {
			return nil
		}
		h := &held{key: k, path: s.place("keys", string(k), ".json")}
		var st unix.Stat_t
		if err := unix.Stat(h.path, &st); err != nil {
			return nil // gone meanwhile
		}
		h.used, h.ino, h.size = time.Unix(st.Mtim.Unix()), st.Ino, st.Size
		if before != nil && before.keys[k] != nil && before.keys[k].ino == h.ino && before.keys[k].size == h.size {
			h.manifest = before.keys[k].manifest
		} else if h.manifest = outline(h.path); h.manifest == nil || h.manifest.Key != string(k) {
			c.broken = append(c.broken, h.path)
			return ctx.Err()
		}
		c.keys[k] = h
		c.made[h.manifest.Digest] = append(c.made[h.manifest.Digest], h)
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	err = s.each("artifacts", func(name string) error {
		d := artifact.Digest(name)
		if !d.Valid() {
			return nil
		}
		path := filepath.Join(s.place("artifacts", name, ""), "manifest.json")
		a := &stored{digest: d}
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err == nil {
			a.written, a.ino, a.size = time.Unix(st.Mtim.Unix()), st.Ino, st.Size
			if before != nil && before.artifacts[d] != nil && before.artifacts[d].ino == a.ino && before.artifacts[d].size == a.size {
				a.manifest = before.artifacts[d].manifest
			} else {
				a.manifest = outline(path)
			}
		}
		if a.manifest != nil && a.manifest.Digest != d {
			a.manifest = nil
		}
		c.artifacts[d] = a
		for _, m := range c.manifests(d) {
			for _, p := range m.Ports {
				if !slices.Contains(c.ports[p.Digest], d) {
					c.ports[p.Digest] = append(c.ports[p.Digest], d)
				}
			}
		}
		return ctx.Err()
	})
	return c, err
}

// outline is a manifest without its files; nil when it cannot be read.
func outline(path string) *artifact.Manifest {
	m, err := artifact.LoadManifest(path)
	if err != nil {
		return nil
	}
	m.Files, m.Notes, m.Parts = nil, nil, nil
	return m
}

// manifests are those of an artifact: of each of its keys, or its own where no key leads to it.
func (c *census) manifests(d artifact.Digest) []*artifact.Manifest {
	var out []*artifact.Manifest
	for _, h := range c.made[d] {
		out = append(out, h.manifest)
	}
	if len(out) == 0 && c.artifacts[d] != nil && c.artifacts[d].manifest != nil {
		out = append(out, c.artifacts[d].manifest)
	}
	return out
}

// latest is the key record of an artifact that was used last; nil when it has none.
func (c *census) latest(d artifact.Digest) *held {
	var last *held
	for _, h := range c.made[d] {
		if last == nil || h.used.After(last.used) {
			last = h
		}
	}
	return last
}

// used is the last use of an artifact through any of its keys; zero when no key leads to it.
func (c *census) used(d artifact.Digest) time.Time {
	if h := c.latest(d); h != nil {
		return h.used
	}
	return time.Time{}
}

// bytes is the size of an artifact.
func (c *census) bytes(d artifact.Digest) int64 {
	for _, m := range c.manifests(d) {
		return m.Bytes
	}
	return 0
}

// lasts are the last successes of all instances of all recipes, but for those in the folders to leave out.
func (s *Store) lasts(ctx context.Context, but map[string]bool) ([]Last, error) {
	var all []Last
	recipes, err := s.list("last")
	if err != nil {
		return nil, fmt.Errorf("list last successes: %w", err)
	}
	for _, r := range recipes {
		if but[r.Name()] {
			continue
		}
		nodes, err := s.list("last", r.Name())
		if err != nil {
			return nil, fmt.Errorf("list last successes: %w", err)
		}
		for _, n := range nodes {
			if l, ok := s.loadLast(filepath.Join("last", r.Name(), n.Name())); ok {
				all = append(all, *l)
			}
		}
	}
	return all, ctx.Err()
}

// linked are the artifacts that links below out/ lead to.
func (s *Store) linked(ctx context.Context) (map[artifact.Digest]bool, error) {
	out := map[artifact.Digest]bool{}
	root := filepath.Join(s.work, OutDir)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.Type()&fs.ModeSymlink == 0 {
			return errors.Join(err, ctx.Err())
		}
		target, err := os.Readlink(path)
		if err != nil {
			return nil // gone meanwhile
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		if d, ok := s.within(target); ok {
			out[d] = true
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list links below %s: %w", root, err)
	}
	return out, nil
}

// within is the artifact that a path lies in.
func (s *Store) within(path string) (artifact.Digest, bool) {
	rel, err := filepath.Rel(s.path("artifacts"), path)
	if err != nil {
		return "", false
	}
	parts := strings.Split(rel, string(filepath.Separator))
	if len(parts) < 2 || !artifact.Digest(parts[1]).Valid() {
		return "", false
	}
	return artifact.Digest(parts[1]), true
}
