package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/key"
)

// Pin is a name under which results are kept, whatever else becomes of their recipe.
type Pin struct {
	Name   string    `json:"name"`
	Recipe string    `json:"recipe,omitempty"`
	At     time.Time `json:"at"`
	Items  []Pinned  `json:"items"`
}

// Pinned is one result of a pin.
type Pinned struct {
	Node     string          `json:"node"`
	Key      key.Key         `json:"key"`
	Artifact artifact.Digest `json:"artifact"`
}

// maxPin bounds a pin's file in bytes: some hundred thousand results.
const maxPin = 64 << 20

var pinName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// ErrPinned says that a pin's name is taken, ErrNoPin that there is none of that name.
var (
	ErrPinned = errors.New("there is a pin of this name")
	ErrNoPin  = errors.New("there is no pin of this name")
)

// ValidPin says whether name can be a pin's: letters, digits, '.', '_' and '-', the first a letter or digit.
func ValidPin(name string) bool { return pinName.MatchString(name) }

// Pin keeps results under a new name.
func (s *Store) Pin(p Pin) error {
	if !ValidPin(p.Name) {
		return fmt.Errorf("pin %q: not a name", p.Name)
	}
	rel := filepath.Join("pins", p.Name+".json")
	if _, err := os.Lstat(s.path(rel)); err == nil {
		return fmt.Errorf("pin %s: %w", p.Name, ErrPinned)
	}
	text, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return fmt.Errorf("pin %s: %w", p.Name, err)
	}
	return s.writeFile(rel, append(text, '\n'), true)
}

// Unpin forgets a pin; what it kept goes with the next collection, if nothing else keeps it.
func (s *Store) Unpin(name string) error {
	if !ValidPin(name) {
		return fmt.Errorf("unpin %q: %w", name, ErrNoPin)
	}
	err := os.Remove(s.path("pins", name+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNoPin
	}
	if err != nil {
		return fmt.Errorf("unpin %s: %w", name, err)
	}
	return syncDir(s.path("pins"))
}

// Pins gives all pins, by name. One that cannot be read is an error: what it keeps is not known.
func (s *Store) Pins() ([]Pin, error) {
	list, err := os.ReadDir(s.path("pins"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list pins: %w", err)
	}
	var pins []Pin
	for _, item := range list {
		name, ok := strings.CutSuffix(item.Name(), ".json")
		if !ok || !ValidPin(name) {
			continue
		}
		p, err := loadPin(s.path("pins", item.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // unpinned just now
		}
		if err != nil {
			return nil, fmt.Errorf("read pin %s: %w (remove %s to give it up)", name, err, s.path("pins", item.Name()))
		}
		p.Name = name
		pins = append(pins, *p)
	}
	return pins, nil
}

func loadPin(path string) (*Pin, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPin+1))
	if err == nil && len(text) > maxPin {
		err = fmt.Errorf("longer than %d bytes", maxPin)
	}
	if err != nil {
		return nil, err
	}
	return parsePin(text)
}

func parsePin(text []byte) (*Pin, error) {
	var p Pin
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, err
	}
	for i, it := range p.Items {
		if !it.Key.Valid() || !it.Artifact.Valid() {
			return nil, fmt.Errorf("item %d: key %q or artifact %q is no digest", i, it.Key, it.Artifact)
		}
	}
	return &p, nil
}
