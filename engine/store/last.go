package store

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/key"
)

// Last is what a stage instance's last success was made of.
type Last struct {
	Key      key.Key          `json:"key"`
	Parts    key.Parts        `json:"parts"`
	Inputs   map[string]Input `json:"inputs,omitempty"` // by parameter path, as in Parts.Inputs
	Artifact artifact.Digest  `json:"artifact"`
	At       time.Time        `json:"at"`
	Took     time.Duration    `json:"took"`              // nanoseconds that making it took
	Because  string           `json:"because,omitempty"` // the root cause for which it ran, for those that read it
}

// Input says where the bytes of an input came from, to tell later which files changed.
type Input struct {
	Label    string          `json:"label"` // "base.model", or a path as the recipe wrote it
	Digest   artifact.Digest `json:"digest"`
	Artifact artifact.Digest `json:"artifact,omitempty"` // the artifact it is a part of; empty for sources
	Rel      string          `json:"rel,omitempty"`      // its place in that artifact
}

// SaveLast remembers a success of a stage instance of a recipe.
func (s *Store) SaveLast(recipe, node string, l Last) error {
	text, err := json.MarshalIndent(l, "", " ")
	if err != nil {
		return err
	}
	return s.writeFile(lastFile(recipe, node), text, false)
}

// Last finds the last success of a stage instance of a recipe.
func (s *Store) Last(recipe, node string) (*Last, bool) {
	return s.loadLast(lastFile(recipe, node))
}

func (s *Store) loadLast(rel string) (*Last, bool) {
	text, err := os.ReadFile(s.path(rel))
	if err != nil {
		return nil, false
	}
	var l Last
	if json.Unmarshal(text, &l) != nil || !l.Key.Valid() {
		return nil, false
	}
	return &l, true
}

func lastFile(recipe, node string) string {
	return filepath.Join("last", fileName(recipe), fileName(node)+".json")
}

// fileName makes any text a file name: readable where it can be, bounded, never leaving its folder.
func fileName(text string) string {
	name := url.QueryEscape(text)
	if len(name) > 120 {
		name = name[:80] + "-" + string(artifact.HashText(text))[:32]
	}
	if name == "" || name[0] == '.' {
		name = "_" + name
	}
	return name
}

// maxListing bounds the listings of sources that are kept: entries.
const maxListing = 20_000

// SaveListing keeps the listing of a source folder, so that explain can name the files that changed.
func (s *Store) SaveListing(t *artifact.Tree) error {
	if !t.Dir || len(t.Files) > maxListing {
		return nil
	}
	rel := filepath.Join("trees", string(t.Digest[:2]), string(t.Digest)+".json")
	if _, err := os.Lstat(s.path(rel)); err == nil {
		return nil
	}
	text, err := json.Marshal(t.Files)
	if err != nil {
		return err
	}
	return s.writeFile(rel, text, false)
}

// Listing finds the files of an input, if they are still known.
func (s *Store) Listing(in Input) ([]artifact.File, bool) {
	if in.Artifact.Valid() {
		m, err := artifact.LoadManifest(filepath.Join(s.place("artifacts", string(in.Artifact), ""), "manifest.json"))
		if err != nil {
			return nil, false
		}
		t, err := m.Tree()
		if err != nil {
			return nil, false
		}
		return t.Under(in.Rel), true
	}
	if !in.Digest.Valid() {
		return nil, false
	}
	text, err := os.ReadFile(s.place("trees", string(in.Digest), ".json"))
	if err != nil {
		return nil, false
	}
	var files []artifact.File
	if json.Unmarshal(text, &files) != nil {
		return nil, false
	}
	return files, true
}
