package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"

	"github.com/belay-ml/belay/engine/key"
)

// Accept makes the result of one key the result of another too, whose parts are given: a person says that they are
// equal. The new record notes where it came from.
func (s *Store) Accept(ctx context.Context, from key.Key, parts key.Parts) (*Record, error) {
	to := parts.Key()
	rec, ok := s.Lookup(ctx, from)
	if !ok {
		return nil, fmt.Errorf("accept key %s: the result of key %s is missing", to.Short(), from.Short())
	}
	lock, owner, err := s.TryLock(to)
	switch {
	case err != nil:
		return nil, fmt.Errorf("accept key %s: %w", to.Short(), err)
	case lock == nil:
		return nil, fmt.Errorf("accept key %s: %s computes it", to.Short(), owner)
	}
	defer lock.Release()
	m := *rec.Manifest
	m.Key, m.Version = string(to), parts.Version
	if m.Parts, err = json.Marshal(parts); err != nil {
		return nil, fmt.Errorf("accept key %s: %w", to.Short(), err)
	}
	m.Notes = maps.Clone(m.Notes)
	if m.Notes == nil {
		m.Notes = map[string]any{}
	}
	m.Notes["accepted_from"] = string(from)
	text, err := m.Encode()
	if err == nil {
		err = s.writeFile(filepath.Join("keys", m.Key[:2], m.Key+".json"), text, true)
	}
	if err != nil {
		return nil, fmt.Errorf("accept key %s: %w", to.Short(), err)
	}
	return &Record{Manifest: &m, Root: rec.Root}, nil
}
