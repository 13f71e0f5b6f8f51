package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/remote"
)

// Magic is the text of the first entry.
const Magic = "belay bundle 1\n"

// The names of the first and the last entry.
const (
	first = "belay-bundle"
	last  = "index.json"
)

// Bounds of what is read.
const (
	maxEntries = 1 << 18
	maxIndex   = 64 << 20
	maxTimes   = 64      // what is unpacked may be as many times larger than the bundle,
	maxExtra   = 1 << 30 // and as many bytes
)

// Index says what a bundle holds.
type Index struct {
	Format  int             `json:"format"`
	Belay   string          `json:"belay,omitempty"`  // version of the program that wrote it
	Recipe  string          `json:"recipe,omitempty"` // its path, below the workspace; empty when there are only results
	Stages  []string        `json:"stages,omitempty"` // that were chosen; empty is all
	Params  []string        `json:"params,omitempty"` // "k=v", as -p had them
	Sets    []string        `json:"sets,omitempty"`   // as --set had them
	Secrets []Secret        `json:"secrets,omitempty"`
	Files   []artifact.File `json:"files,omitempty"` // of the workspace: recipes, belay.lock, data; by path
	Results []Result        `json:"results,omitempty"`
}

// Secret says which environment variable holds a secret. Its value is in no bundle.
type Secret struct {
	Name  string `json:"name"`
	Env   string `json:"env"`
	Keyed bool   `json:"keyed,omitempty"`
}

// Result is a result that is in the bundle.
type Result struct {
	Node string  `json:"node"` // stage instance
	Key  key.Key `json:"key"`
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// private are folders that no bundle may write into: the first holds what is believed, the others run things.
var private = []string{".belay", ".git", ".hg", ".svn", ".jj"}

// encode writes the index.
func (ix *Index) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(ix); err != nil {
		return nil, fmt.Errorf("write index: %w", err)
	}
	return b.Bytes(), nil
}

// decodeIndex reads an index and checks all that it says by itself.
func decodeIndex(data []byte) (*Index, error) {
	ix := &Index{}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(ix); err != nil {
		return nil, fmt.Errorf("read index: byte %d: %w", dec.InputOffset(), err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("read index: text after its end")
	}
	if err := ix.check(); err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	return ix, nil
}

func (ix *Index) check() error {
	if ix.Format != 1 {
		return fmt.Errorf("format %d, this program knows 1", ix.Format)
	}
	if !slices.IsSortedFunc(ix.Files, func(a, b artifact.File) int { return strings.Compare(a.Path, b.Path) }) {
		return errors.New("its files are not in order")
	}
	for _, f := range ix.Files {
		if err := checkPath(f.Path); err != nil {
			return err
		}
	}
	if _, err := artifact.NewTree(slices.Clone(ix.Files)); err != nil {
		return err
	}
	if ix.Recipe != "" && !slices.ContainsFunc(ix.Files, func(f artifact.File) bool { return f.Path == ix.Recipe && f.Mode == artifact.Regular }) {
		return fmt.Errorf("the recipe %q is not among its files", ix.Recipe)
	}
	sizes := map[artifact.Digest]int64{}
	for _, f := range ix.Files {
		if f.Mode != artifact.Regular && f.Mode != artifact.Executable {
			continue
		}
		if size, ok := sizes[f.Digest]; ok && size != f.Size || f.Size == 0 && f.Digest != artifact.HashText("") {
			return fmt.Errorf("file %q has the size of other content", f.Path)
		}
		sizes[f.Digest] = f.Size
	}
	seen := map[key.Key]bool{}
	for _, r := range ix.Results {
		if !r.Key.Valid() || seen[r.Key] {
			return fmt.Errorf("result %.12q: it is no key, or listed twice", r.Key)
		}
		seen[r.Key] = true
	}
	for _, s := range ix.Secrets {
		if !variable.MatchString(s.Name) || !variable.MatchString(s.Env) {
			return fmt.Errorf("secret %q in %q: no names", s.Name, s.Env)
		}
	}
	return nil
}

// checkPath says whether a file may have a path, beyond what the listing of an artifact asks.
func checkPath(p string) error {
	if p == "" || !cleanBelow(p) {
		return fmt.Errorf("file %q: no path below the workspace", p)
	}
	for _, part := range strings.Split(p, "/") {
		if slices.ContainsFunc(private, func(name string) bool { return strings.EqualFold(name, part) }) {
			return fmt.Errorf("file %q: nothing may go into %s", p, part)
		}
	}
	if p == settingsFile {
		return fmt.Errorf("file %q: settings do not travel", p)
	}
	return nil
}

// settingsFile marks a workspace, and can make a run start commands.
const settingsFile = "belay.yaml"

func cleanBelow(p string) bool {
	return path.Clean(p) == p && p != "." && p != ".." && !strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "../") && !strings.ContainsAny(p, "\\\x00")
}

// objects are what the index itself needs of the entries, by their names.
func (ix *Index) objects() map[string]int64 {
	out := map[string]int64{}
	for _, f := range ix.Files {
		if f.Size > 0 && (f.Mode == artifact.Regular || f.Mode == artifact.Executable) {
			out[remote.BlobName(f.Digest)] = f.Size
		}
	}
	return out
}
