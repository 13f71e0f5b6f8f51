package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/key"
)

// Item is one artifact in the store.
type Item struct {
	Digest   artifact.Digest
	Manifest *artifact.Manifest // of what made it first; nil when it cannot be read
	Keys     []key.Key          // the keys whose result it is
	Path     string             // of its files
}

// List gives all artifacts, by digest.
func (s *Store) List(ctx context.Context) ([]Item, error) {
	keys, err := s.keysByArtifact(ctx)
	if err != nil {
		return nil, fmt.Errorf("list artifacts: %w", err)
	}
	var items []Item
	err = s.each("artifacts", func(name string) error {
		d := artifact.Digest(name)
		if !d.Valid() {
			return nil
		}
		it := Item{Digest: d, Keys: keys[d], Path: s.Artifact(d)}
		if m, err := artifact.LoadManifest(filepath.Join(filepath.Dir(it.Path), "manifest.json")); err == nil {
			it.Manifest = m
		}
		items = append(items, it)
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list artifacts: %w", err)
	}
	return items, nil
}

// Verdict is what Verify found about one artifact.
type Verdict struct {
	Digest artifact.Digest
	Bytes  int64
	Damage error // nil when every byte is as published
}

// Verify reads every file of every artifact again and tells what it found, one artifact at a time. Damaged
// artifacts are put into quarantine, and so are rebuilt when they are next wanted.
func (s *Store) Verify(ctx context.Context, found func(Verdict)) error {
	items, err := s.List(ctx)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	for _, it := range items {
		v := Verdict{Digest: it.Digest}
		if it.Manifest == nil || it.Manifest.Digest != it.Digest {
			v.Damage = errors.New("its manifest is unreadable or another's")
		} else {
			v.Bytes = it.Manifest.Bytes
			v.Damage = s.compare(ctx, it.Manifest, nil)
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		if v.Damage != nil && !ours(v.Damage) {
			s.quarantine(it.Digest, v.Damage)
		}
		found(v)
	}
	return nil
}

// Remove deletes an artifact and the records of all keys that made it.
func (s *Store) Remove(ctx context.Context, d artifact.Digest) error {
	if !d.Valid() {
		return fmt.Errorf("remove artifact: %q is no digest", d)
	}
	keys, err := s.keysByArtifact(ctx)
	if err != nil {
		return fmt.Errorf("remove artifact %s: %w", d.Short(), err)
	}
	for _, k := range keys[d] {
		if err := os.Remove(s.place("keys", string(k), ".json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove artifact %s: %w", d.Short(), err)
		}
	}
	dir, err := s.tmpDir()
	if err != nil {
		return fmt.Errorf("remove artifact %s: %w", d.Short(), err)
	}
	gone := filepath.Join(dir, "removed-"+random(4))
	if err := os.Rename(s.place("artifacts", string(d), ""), gone); err != nil {
		return fmt.Errorf("remove artifact %s: %w", d.Short(), err)
	}
	if err := removeAll(gone); err != nil {
		return fmt.Errorf("remove artifact %s: %w", d.Short(), err)
	}
	return nil
}

func (s *Store) keysByArtifact(ctx context.Context) (map[artifact.Digest][]key.Key, error) {
	out := map[artifact.Digest][]key.Key{}
	err := s.each("keys", func(name string) error {
		name, ok := strings.CutSuffix(name, ".json")
		if k := key.Key(name); ok && k.Valid() {
			if m, err := artifact.LoadManifest(s.place("keys", name, ".json")); err == nil {
				out[m.Digest] = append(out[m.Digest], k)
			}
		}
		return ctx.Err()
	})
	for _, keys := range out {
		sort.Slice(keys, func(i, j int) bool { return keys[i] < keys[j] })
	}
	return out, err
}

// each calls do for every name in a two-level folder, in order.
func (s *Store) each(folder string, do func(name string) error) error {
	outer, err := os.ReadDir(s.path(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, o := range outer {
		inner, err := os.ReadDir(s.path(folder, o.Name()))
		if err != nil {
			return err
		}
		for _, i := range inner {
			if err := do(i.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}
