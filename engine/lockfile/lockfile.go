package lockfile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/belay-ml/belay/engine/artifact"
)

// Name is the file's name. It lies beside belay.yaml, or where that would.
const Name = "belay.lock"

// The kinds of sources.
const (
	KindFile = "file"
	KindDir  = "dir"
)

// Entry pins one thing.
type Entry struct {
	Kind  string   // "file", "dir", or that of an engine.Float
	Name  []string // which thing of the kind
	Value string   // without its form: a digest or commit in hex
	Line  int      // where the file says so; 0 when it does not yet
}

// At is the entry's place, for messages: "belay.lock:7".
func (e Entry) At() string { return fmt.Sprintf("%s:%d", Name, e.Line) }

// Thing is what the entry is about, as the file writes it: "hub model Qwen/Qwen2-7B main".
func (e Entry) Thing() string {
	words := make([]string, 0, 1+len(e.Name))
	for _, w := range append([]string{e.Kind}, e.Name...) {
		words = append(words, quote(w))
	}
	return strings.Join(words, " ")
}

// kinds are the forms of values: what stands before the hex digits, and how many there may be.
var kinds = map[string]struct {
	form   string
	digits []int
}{
	KindFile: {"sha256", []int{64}},
	KindDir:  {"sha256", []int{64}},
	"hub":    {"commit", []int{40, 64}},
}

// File is a set of entries. The zero value is empty.
type File struct {
	entries map[string]Entry
}

// Load reads the lock file of a workspace; without one the File is nil, and so is the error.
func Load(dir string) (*File, error) {
	text, err := read(dir)
	if text == nil || err != nil {
		return nil, err
	}
	return Parse(text)
}

// read gives the text of a workspace's lock file; nil when there is none.
func read(dir string) ([]byte, error) {
	f, err := os.Open(filepath.Join(dir, Name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read lock file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read lock file: %w", err)
	}
	if text == nil {
		text = []byte{}
	}
	return text, nil
}

// Save writes the lock file of a workspace in one step.
func (f *File) Save(dir string) error {
	if err := renameio.WriteFile(filepath.Join(dir, Name), f.Format(), 0o644); err != nil {
		return fmt.Errorf("write lock file: %w", err)
	}
	return nil
}

// Find gives the entry of a thing. A nil File has none.
func (f *File) Find(kind string, name ...string) (Entry, bool) {
	if f == nil {
		return Entry{}, false
	}
	e, ok := f.entries[Entry{Kind: kind, Name: name}.Thing()]
	return e, ok
}

// Source gives the entry of a source, whether it was a file or a folder.
func (f *File) Source(place string) (Entry, bool) {
	if e, ok := f.Find(KindFile, place); ok {
		return e, true
	}
	return f.Find(KindDir, place)
}

// Set adds an entry, or gives the one about the same thing a new value.
func (f *File) Set(e Entry) {
	if f.entries == nil {
		f.entries = map[string]Entry{}
	}
	f.entries[e.Thing()] = e
}

// Entries gives all entries in the order of the file.
func (f *File) Entries() []Entry {
	if f == nil {
		return nil
	}
	out := make([]Entry, 0, len(f.entries))
	for _, e := range f.entries {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Name, b.Name)) })
	return out
}

// Format is the text of the file.
func (f *File) Format() []byte {
	var b strings.Builder
	b.WriteString(header + "\n")
	for _, e := range f.Entries() {
		b.WriteString("\n" + e.Thing() + " = " + kinds[e.Kind].form + ":" + e.Value + "\n")
	}
	return []byte(b.String())
}

// Place is how the lock file names a source: relative to the workspace, with slashes, but for a path outside of it that
// was written as an absolute one.
func Place(workspace, path, written string) string {
	rel, err := filepath.Rel(workspace, path)
	if err != nil || !filepath.IsLocal(rel) && filepath.IsAbs(written) {
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(rel)
}

// Short is a value for people.
func Short(value string) string { return artifact.Digest(value).Short() }
