package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/key"
)

// Record is a result: the manifest of what a key made, and where its files lie.
type Record struct {
	*artifact.Manifest
	Root string // absolute path of the output directory
}

// Path is the absolute path of a port.
func (r *Record) Path(port string) string {
	return filepath.Join(r.Root, filepath.FromSlash(r.Ports[port].Path))
}

// Ref is a port as a stage gets it.
func (r *Record) Ref(port, label string) artifact.Ref {
	p := r.Ports[port]
	return artifact.Ref{Path: r.Path(port), Digest: p.Digest, Kind: p.Kind, Label: label}
}

// Lookup finds the result of a key, and counts as its use. A result whose files are not what was published counts
// as missing; the damaged artifact is put into quarantine, with a warning.
func (s *Store) Lookup(ctx context.Context, k key.Key) (*Record, bool) {
	m, ok := s.find(ctx, k)
	if !ok || !s.intact(ctx, m) {
		return nil, false
	}
	return &Record{Manifest: m, Root: s.Artifact(m.Digest)}, true
}

// find reads the record of a key and notes its use, while no collection can take it away.
func (s *Store) find(ctx context.Context, k key.Key) (*artifact.Manifest, bool) {
	release, err := s.share(ctx)
	if err != nil {
		return nil, false
	}
	defer release()
	path := s.place("keys", string(k), ".json")
	m, err := artifact.LoadManifest(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false
	case err != nil:
		s.warn(fmt.Sprintf("result of key %s is unreadable and counts as missing: %v", k.Short(), err))
		return nil, false
	case m.Key != string(k):
		s.warn(fmt.Sprintf("%s holds the result of key %s and counts as missing", path, key.Key(m.Key).Short()))
		return nil, false
	}
	if _, err := os.Lstat(s.place("artifacts", string(m.Digest), "")); err != nil {
		return nil, false
	}
	s.use(path)
	return m, true
}

// intact says whether an artifact's files are what its manifest lists, at the cost of a stat for each. A damaged
// one is put into quarantine.
func (s *Store) intact(ctx context.Context, m *artifact.Manifest) bool {
	err := s.compare(ctx, m, sealed{s.stat})
	s.stat.flush() // best effort
	if err == nil {
		return true
	}
	switch {
	case ctx.Err() != nil:
	case ours(err):
		s.warn(fmt.Sprintf("artifact %s cannot be checked and counts as missing: %v", m.Digest.Short(), err))
	default:
		s.quarantine(m.Digest, err)
	}
	return false
}

// ours says whether an error is about this process rather than about the artifact.
func ours(err error) bool {
	for _, e := range []error{unix.EMFILE, unix.ENFILE, unix.EACCES, unix.EPERM, unix.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// compare looks for differences between an artifact on disk and its manifest. With a nil cache every file is read.
func (s *Store) compare(ctx context.Context, m *artifact.Manifest, cache artifact.StatCache) error {
	entries, dir, err := artifact.Walk(s.Artifact(m.Digest), artifact.RefuseOutside)
	if err != nil {
		return err
	}
	if !dir {
		return errors.New("files is no directory")
	}
	slices.SortFunc(entries, func(a, b artifact.Entry) int { return compareText(a.Path, b.Path) })
	for i := range max(len(entries), len(m.Files)) {
		switch {
		case i >= len(entries) || i < len(m.Files) && m.Files[i].Path < entries[i].Path:
			return fmt.Errorf("%s is missing", m.Files[i].Path)
		case i >= len(m.Files) || entries[i].Path < m.Files[i].Path:
			return fmt.Errorf("%s was added", entries[i].Path)
		case entries[i].Size != m.Files[i].Size:
			return fmt.Errorf("%s has %d bytes, want %d", entries[i].Path, entries[i].Size, m.Files[i].Size)
		case entries[i].Mode != m.Files[i].Mode:
			return fmt.Errorf("%s has mode %s, want %s", entries[i].Path, entries[i].Mode, m.Files[i].Mode)
		}
	}
	if err := artifact.HashEntries(ctx, entries, cache); err != nil {
		return err
	}
	for i, e := range entries {
		if e.Digest != m.Files[i].Digest {
			return fmt.Errorf("%s has digest %s, want %s", e.Path, e.Digest.Short(), m.Files[i].Digest.Short())
		}
	}
	return nil
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// quarantine moves a damaged artifact out of the way.
func (s *Store) quarantine(d artifact.Digest, why error) {
	to := s.path("quarantine", string(d)+"-"+random(4))
	text := fmt.Sprintf("artifact %s is damaged (%v) and counts as missing", d.Short(), why)
	if err := rename(s.place("artifacts", string(d), ""), to); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.warn(fmt.Sprintf("%s; it could not be moved away: %v", text, err))
		}
		return
	}
	touch(to) // collections count its days from now
	s.warn(fmt.Sprintf("%s; it lies in %s", text, to))
}
