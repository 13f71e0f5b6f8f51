package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/key"
)

// Item is one artifact in the store.
type Item struct {
	Digest   artifact.Digest
	Manifest *artifact.Manifest // of what made it first; nil when it cannot be read
	Keys     []key.Key          // the keys whose result it is
	Path     string             // of its files
	Used     time.Time          // when it was last wanted, to the hour; zero when no key leads to it
	Pins     []string           // the pins that keep it
}

// List gives all artifacts, by digest.
func (s *Store) List(ctx context.Context) ([]Item, error) {
	c, err := s.count(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("list artifacts: %w", err)
	}
	pins, err := s.Pins()
	if err != nil {
		return nil, fmt.Errorf("list artifacts: %w", err)
	}
	names := pinNames(pins)
	var items []Item
	for _, d := range slices.Sorted(maps.Keys(c.artifacts)) {
		it := Item{Digest: d, Path: s.Artifact(d), Used: c.used(d), Pins: names[d]}
		for _, h := range c.made[d] {
			it.Keys = append(it.Keys, h.key)
		}
		if m, err := artifact.LoadManifest(filepath.Join(filepath.Dir(it.Path), "manifest.json")); err == nil {
			it.Manifest = m
		}
		items = append(items, it)
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("list artifacts: %w", err)
		}
	}
	return items, nil
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
		if errors.Is(err, unix.ENOTDIR) || errors.Is(err, fs.ErrNotExist) {
			continue // somebody else's file, or gone meanwhile
		}
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
