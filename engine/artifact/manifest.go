package artifact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"time"
)

// ManifestFormat is the version of the manifest's JSON form.
const ManifestFormat = 1

// maxManifest bounds the size of a manifest that is read: about two million files.
const maxManifest = 512 << 20

// Manifest lists an artifact's files and says what made it.
type Manifest struct {
	Format  int                    `json:"format"`
	Digest  Digest                 `json:"digest"` // of the whole output directory
	Bytes   int64                  `json:"bytes"`
	Key     string                 `json:"key"`
	Stage   string                 `json:"stage"` // kind of stage
	Version int                    `json:"version"`
	Ports   map[string]PortContent `json:"ports"`
	Files   []File                 `json:"files"`
	Parts   json.RawMessage        `json:"parts,omitempty"`   // what the key was made of, see package key
	Parents map[string]Digest      `json:"parents,omitempty"` // digest by label of every input: "base.model"
	Made    Made                   `json:"made"`
	Notes   map[string]any         `json:"notes,omitempty"` // facts that the stage noted
}

// PortContent is one port of a published artifact.
type PortContent struct {
	Path   string `json:"path"` // below the output directory; "." is all of it
	Kind   Kind   `json:"kind,omitempty"`
	Digest Digest `json:"digest"`
	Bytes  int64  `json:"bytes"`
}

// Made says by what, where and when an artifact was made.
type Made struct {
	Belay        string        `json:"belay,omitempty"` // version of the program
	Recipe       string        `json:"recipe,omitempty"`
	RecipeDigest string        `json:"recipe_digest,omitempty"`
	Node         string        `json:"node,omitempty"`
	Host         string        `json:"host,omitempty"`
	At           time.Time     `json:"at"`
	Took         time.Duration `json:"took"` // nanoseconds
}

// PortNames are the manifest's ports in order.
func (m *Manifest) PortNames() []string {
	names := make([]string, 0, len(m.Ports))
	for n := range m.Ports {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Encode writes the manifest in its JSON form.
func (m *Manifest) Encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("write manifest: %w", err)
	}
	return b.Bytes(), nil
}

// DecodeManifest reads a manifest and checks that it agrees with itself: the digest of its listing, its
// sums and its ports.
func DecodeManifest(data []byte) (*Manifest, error) {
	var m Manifest
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return nil, fmt.Errorf("read manifest: byte %d: %w", dec.InputOffset(), err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("read manifest: byte %d: text after the end", dec.InputOffset())
	}
	if m.Format != ManifestFormat {
		return nil, fmt.Errorf("read manifest: format %d, this program knows %d", m.Format, ManifestFormat)
	}
	t, err := NewTree(m.Files)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	if t.Digest != m.Digest || t.Bytes != m.Bytes {
		return nil, fmt.Errorf("read manifest: files make %s of %d bytes, want %s of %d", t.Digest.Short(), t.Bytes, m.Digest.Short(), m.Bytes)
	}
	for name, p := range m.Ports {
		if d, n, ok := t.At(p.Path); !ok || d != p.Digest || n != p.Bytes {
			return nil, fmt.Errorf("read manifest: port %s does not agree with the files below %q", name, p.Path)
		}
	}
	return &m, nil
}

// LoadManifest reads a manifest file.
func LoadManifest(path string) (*Manifest, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() > maxManifest {
		return nil, fmt.Errorf("read manifest %s: %d bytes are more than the %d allowed", path, st.Size(), maxManifest)
	}
	data := make([]byte, st.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("read manifest %s: %w", path, err)
	}
	m, err := DecodeManifest(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Tree is the listing of the manifest, for digests and entries below a path.
func (m *Manifest) Tree() (*Tree, error) { return NewTree(m.Files) }
