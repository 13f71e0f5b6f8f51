package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/key"
)

// verifiers is how many artifacts are read at once; the files of each are read side by side too.
const verifiers = 4

// Verdict is what Verify found about one artifact, or about a key record that leads to none.
type Verdict struct {
	Digest   artifact.Digest    // empty for a key record that cannot be read
	Key      key.Key            // only for a key record that leads nowhere
	Manifest *artifact.Manifest // nil when it cannot be read
	Bytes    int64
	Damage   error  // nil when every byte is as published
	Mended   string // what was put right again: "3 files were writable"
}

// Verify reads every file of every artifact again, several at a time, and tells what it found, one thing at a time.
// With digests it reads only those. Damaged artifacts are put into quarantine and their key records removed, so
// they are rebuilt when they are next wanted; so are records that lead to no artifact. Files that are as published but
// could be written to are made read-only again.
func (s *Store) Verify(ctx context.Context, found func(Verdict), only ...artifact.Digest) error {
	c, err := s.count(ctx, nil)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	var mu sync.Mutex
	tell := func(v Verdict) {
		mu.Lock()
		defer mu.Unlock()
		found(v)
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(verifiers)
	for d := range c.artifacts {
		if len(only) > 0 && !slices.Contains(only, d) {
			continue
		}
		g.Go(func() error {
			v := s.verify(gctx, d)
			if err := gctx.Err(); err != nil {
				return err
			}
			if v.Damage != nil && !ours(v.Damage) {
				for _, h := range c.made[d] {
					if _, err := s.forget(h.key, h.path, d); err != nil {
						return err
					}
				}
				s.quarantine(d, v.Damage)
			}
			tell(v)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if len(only) > 0 {
		return nil
	}
	for _, v := range s.lost(c) {
		found(v)
	}
	return ctx.Err()
}

// verify reads one artifact.
func (s *Store) verify(ctx context.Context, d artifact.Digest) Verdict {
	v := Verdict{Digest: d}
	m, err := artifact.LoadManifest(filepath.Join(s.place("artifacts", string(d), ""), "manifest.json"))
	switch {
	case err != nil && ours(err):
		v.Damage = err
	case err != nil || m.Digest != d:
		v.Damage = errors.New("its manifest is unreadable or another's")
	default:
		v.Manifest, v.Bytes = m, m.Bytes
		if v.Damage = s.compare(ctx, m, nil); v.Damage == nil {
			v.Mended = s.reseal(m)
		}
	}
	return v
}

// reseal takes away the right to write into an artifact again, where somebody gave it.
func (s *Store) reseal(m *artifact.Manifest) string {
	n := 0
	root := s.Artifact(m.Digest)
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return nil
		}
		st, err := d.Info()
		if err == nil && st.Mode().Perm()&0o222 != 0 && os.Chmod(path, st.Mode().Perm()&^0o222) == nil {
			n++
		}
		return nil
	})
	switch n {
	case 0:
		return ""
	case 1:
		return "one file or folder was writable"
	}
	return fmt.Sprintf("%d files and folders were writable", n)
}

// lost finds and removes the key records that lead to no artifact.
func (s *Store) lost(c *census) []Verdict {
	var out []Verdict
	for _, path := range c.broken {
		k := key.Key(filepath.Base(path)[:64])
		if gone, err := s.forget(k, path, ""); gone && err == nil {
			out = append(out, Verdict{Key: k, Damage: errors.New("the record of the key cannot be read")})
		}
	}
	for _, h := range c.keys {
		d := h.manifest.Digest
		if c.artifacts[d] != nil {
			continue
		}
		if _, err := os.Lstat(s.place("artifacts", string(d), "")); err == nil {
			continue // published meanwhile
		}
		if gone, err := s.forget(h.key, h.path, d); !gone || err != nil {
			continue
		}
		out = append(out, Verdict{Digest: d, Key: h.key, Manifest: h.manifest, Damage: errors.New("its artifact is gone")})
	}
	slices.SortFunc(out, func(a, b Verdict) int { return compareText(string(a.Key), string(b.Key)) })
	return out
}

// forget removes the record of a key, unless it tells of another artifact by now or somebody computes the key.
func (s *Store) forget(k key.Key, path string, d artifact.Digest) (bool, error) {
	lock, _, err := s.TryLock(k)
	if lock == nil || err != nil {
		return false, err
	}
	defer lock.Release()
	if m := outline(path); m != nil && m.Digest != d {
		return false, nil
	}
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
