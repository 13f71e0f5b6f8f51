package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/belay-ml/belay/dsl/workspace"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/secret"
	"github.com/belay-ml/belay/engine/store"
)

const (
	saltFile = "salt"
	saltSize = 32
	// digestSize is how much of a digest keys hold: enough to tell values apart.
	digestSize = 16
)

// salt puts digests of the secrets that belay.yaml calls keyed into a graph. It reads the values of those alone.
func (s *secrets) salt(ctx context.Context, g *engine.Graph) error {
	if !slices.ContainsFunc(slices.Collect(maps.Values(s.space.Secrets)), func(from workspace.Secret) bool { return from.Keyed }) {
		return nil // most workspaces: a graph may have ten thousand nodes
	}
	var salt []byte
	digest := func(name string) (string, error) {
		if !s.space.Secrets[name].Keyed {
			return "", nil
		}
		value, err := s.Lookup(ctx)(name)
		if err != nil {
			return "", fault.Wrap(fault.Recipe, fmt.Errorf("read secret %s: %w", name, err))
		}
		if salt == nil {
			if salt, err = readSalt(filepath.Join(s.space.Dir, store.Dir)); err != nil {
				return "", err
			}
		}
		mac := hmac.New(sha256.New, salt)
		mac.Write([]byte(value))
		return hex.EncodeToString(mac.Sum(nil)[:digestSize]), nil
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if len(secret.NamesIn(n.Params)) == 0 {
			continue
		}
		salted, err := secret.Map(n.Params, func(t secret.Text) (any, error) { return t.Salted(digest) })
		if err != nil {
			return err
		}
		n.Params = salted.(map[string]any)
	}
	return nil
}

// readSalt reads a workspace's salt, and makes one where there is none. Only the owner may read it: with it, values
// could be tried against keys.
func readSalt(dir string) ([]byte, error) {
	path := filepath.Join(dir, saltFile)
	salt, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeSalt(dir, path); err == nil {
			salt, err = os.ReadFile(path)
		}
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("read salt of secrets: %w", err)
	case len(salt) != saltSize:
		return nil, fmt.Errorf("read salt of secrets: %s has %d bytes, want %d: remove it, and what uses keyed secrets runs again", path, len(salt), saltSize)
	}
	return salt, nil
}

// makeSalt writes a new salt unless another process was faster.
func makeSalt(dir, path string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, saltFile+".*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails
	_, err = f.Write(salt)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
