package store

import (
	"context"
	"os"
	"path/filepath"
	"sync"

	"github.com/belay-ml/belay/engine/artifact"
)

// minBlob is the size from which a copy of a blob is looked for in other artifacts.
const minBlob = 1 << 20

// blobIndex knows where the large blobs of the store lie. It is built when it is first needed.
type blobIndex struct {
	mu sync.Mutex
	at map[artifact.Digest]string // a file that holds it
}

// fill gives an intake what other artifacts hold. What cannot be had here comes from elsewhere.
func (x *blobIndex) fill(ctx context.Context, s *Store, in *Intake) {
	for _, b := range in.Missing() {
		if b.Size < minBlob {
			continue
		}
		path, ok := x.find(s, b.Digest)
		if !ok {
			continue
		}
		if f, err := os.Open(path); err == nil {
			_ = os.Remove(in.path(b.Digest))
			_ = in.Put(ctx, b, 0, f)
			f.Close()
		}
	}
}

func (x *blobIndex) find(s *Store, d artifact.Digest) (string, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.at == nil {
		x.at = map[artifact.Digest]string{}
		_ = s.each("artifacts", func(name string) error {
			if d := artifact.Digest(name); d.Valid() {
				if m, err := artifact.LoadManifest(filepath.Join(filepath.Dir(s.Artifact(d)), "manifest.json")); err == nil {
					x.learn(s, m)
				}
			}
			return nil
		})
	}
	path, ok := x.at[d]
	return path, ok
}

// add learns an artifact that has come into the store.
func (x *blobIndex) add(s *Store, m *artifact.Manifest) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.at != nil {
		x.learn(s, m)
	}
}

func (x *blobIndex) learn(s *Store, m *artifact.Manifest) {
	for _, f := range m.Files {
		if f.Size >= minBlob && f.Mode != artifact.Symlink {
			x.at[f.Digest] = filepath.Join(s.Artifact(m.Digest), filepath.FromSlash(f.Path))
		}
	}
}
