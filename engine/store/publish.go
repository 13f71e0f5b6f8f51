package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
)

// Publish makes the output of a scratch directory the result of its key and removes the scratch. m tells
// what made it; its digests, sizes, files and ports are filled in here. known gives digests that the stage
// computed while it wrote, by path below the output.
//
// The steps: seal and sync the files, hash them, check the ports, write the manifest beside them, rename the
// directory to its digest, write the key record. Only the last one makes the result visible.
func (s *Store) Publish(ctx context.Context, sc *Scratch, ports []artifact.Port, known map[string]artifact.Digest, m artifact.Manifest) (*Record, error) {
	rec, err := s.publish(ctx, sc, ports, known, m)
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	return rec, nil
}

func (s *Store) publish(ctx context.Context, sc *Scratch, ports []artifact.Port, known map[string]artifact.Digest, m artifact.Manifest) (*Record, error) {
	tree, err := s.sealAndHash(ctx, sc.Out, sc.Work, known)
	if err != nil {
		return nil, err
	}
	m.Format, m.Key = artifact.ManifestFormat, string(sc.Key)
	m.Digest, m.Bytes, m.Files = tree.Digest, tree.Bytes, tree.Files
	if m.Ports, err = portContents(tree, ports); err != nil {
		return nil, err
	}
	if err := s.reveal(ctx, filepath.Dir(sc.Out), &m); err != nil {
		return nil, err
	}
	if err := errors.Join(sc.remove(), removeAll(s.path("pull", m.Key))); err != nil {
		s.warn(fmt.Sprintf("scratch directory could not be removed: %v", err))
	}
	s.at("removed")
	return &Record{Manifest: &m, Root: s.Artifact(m.Digest)}, nil
}

// reveal installs a sealed output directory with its manifest and writes the record of its key.
func (s *Store) reveal(ctx context.Context, pub string, m *artifact.Manifest) error {
	text, err := m.Encode()
	if err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(pub, "manifest.json"), text); err != nil {
		return err
	}
	s.at("manifest")
	release, err := s.share(ctx) // between an artifact that was there already and its record nobody may collect it
	if err != nil {
		return err
	}
	defer release()
	if err := s.install(ctx, pub, m); err != nil {
		return err
	}
	return s.record(m, text)
}

// record makes an installed artifact the result of its key, by its encoded manifest.
func (s *Store) record(m *artifact.Manifest, text []byte) error {
	if err := s.writeFile(filepath.Join("keys", m.Key[:2], m.Key+".json"), text, true); err != nil {
		return err
	}
	s.at("recorded")
	s.stat.flush() // best effort
	s.at("states")
	return nil
}

// sealAndHash makes what lies below root a finished tree. work, unless it is "", is a directory whose names for files of the
// tree are given up: what they had in common is the tree's alone from then on.
func (s *Store) sealAndHash(ctx context.Context, root, work string, known map[string]artifact.Digest) (*artifact.Tree, error) {
	entries, _, err := artifact.Walk(root, artifact.RefuseOutside)
	if err != nil {
		return nil, fault.Wrap(fault.Data, err)
	}
	for _, e := range entries {
		if !utf8.ValidString(e.Path) || !utf8.ValidString(e.Target) {
			return nil, fault.New(fault.Data, "list %q: the name of an output, or what it links to, is no UTF-8", filepath.Join(root, e.Path)).
				WithHint("give the file another name: manifests hold names as text")
		}
	}
	shared, err := namesIn(work, entries)
	if err != nil {
		return nil, err
	}
	if err := seal(ctx, root, entries, shared); err != nil {
		return nil, err
	}
	s.at("sealed")
	// Again: sealing changed times, and may have replaced files.
	seen := time.Now()
	if entries, _, err = artifact.Walk(root, artifact.RefuseOutside); err != nil {
		return nil, err
	}
	cache := sealed{s.stat}
	for i := range entries {
		if d, ok := known[entries[i].Path]; ok && d.Valid() {
			entries[i].Digest = d
			cache.Remember(entries[i].Stat, d, seen)
		}
	}
	if err := artifact.HashEntries(ctx, entries, cache); err != nil {
		return nil, err
	}
	if err := shared.giveUp(entries, cache); err != nil {
		return nil, err
	}
	files := make([]artifact.File, len(entries))
	for i := range entries {
		files[i] = entries[i].File
	}
	return artifact.NewTree(files)
}

func portContents(tree *artifact.Tree, ports []artifact.Port) (map[string]artifact.PortContent, error) {
	out := make(map[string]artifact.PortContent, len(ports))
	for _, p := range ports {
		d, n, ok := tree.At(p.Rel())
		if !ok {
			return nil, fault.New(fault.Data, "port %s: no file or directory %q was written", p.Name, p.Rel())
		}
		if bad, ok := tree.LinksInside(p.Rel()); !ok {
			return nil, fault.New(fault.Data, "port %s: link %s to %s leaves the port", p.Name, bad.Path, bad.Target)
		}
		out[p.Name] = artifact.PortContent{Path: p.Place(), Kind: p.Kind, Digest: d, Bytes: n}
	}
	return out, nil
}

// install renames a finished directory to its digest. Where the same content lies already, that one stays,
// unless it is damaged.
func (s *Store) install(ctx context.Context, pub string, m *artifact.Manifest) error {
	to := s.place("artifacts", string(m.Digest), "")
	if _, err := os.Lstat(to); err == nil && s.intact(ctx, m) {
		return removeAll(pub)
	}
	s.at("hashed")
	for range 3 {
		if err := syncDir(pub); err != nil {
			return err
		}
		err := move(pub, to)
		s.at("installed")
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, unix.ENOTEMPTY) {
			return err
		}
		// Another process published the same content meanwhile.
		if s.intact(ctx, m) {
			return removeAll(pub)
		}
	}
	return fmt.Errorf("artifact %s: its place stays taken by something else", m.Digest.Short())
}
