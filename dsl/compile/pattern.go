package compile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/engine"
)

const (
	maxMatches = 10_000  // files of one pattern
	maxLooked  = 200_000 // entries of folders that are looked at for it
)

// isPattern says whether a path could mean several files.
func isPattern(text string) bool { return strings.ContainsAny(text, "*?[{") }

// pattern makes sources of the files that a pattern matches, in the order of their paths, or of the pattern itself where
// it is wrong: * stands for anything in
// one name, ** for any folders, and {a,b} for either. is is false for text that is no pattern, or that names a file
// as it stands. Hidden files are left out.
func (w *inputs) pattern(path, text string, node *ast.Node) (found []any, is bool) {
	if !isPattern(text) || strings.HasPrefix(text, "hf://") {
		return nil, false
	}
	dir, as, hint := w.place(text, node)
	if w.b.there(beside(dir, text)) {
		return nil, false
	}
	written, pattern := doublestar.SplitPattern(filepath.ToSlash(text))
	names, err := w.b.matches(beside(dir, written), pattern)
	itself := []any{engine.Source{Path: beside(dir, text), As: as}}
	switch {
	case errors.Is(err, errTooMany):
		w.ifOn(node, "name a folder, or a pattern that begins with one", "%s: the pattern %s matches too many files, or looks through too many", path, as)
		return itself, true
	case errors.Is(err, doublestar.ErrBadPattern):
		w.errorf(node, "", "%s: bad pattern %s", path, as)
		return itself, true
	case err != nil:
		w.ifOn(node, "", "%s: pattern %s: %s", path, as, err)
		return itself, true
	case len(names) == 0:
		w.ifOn(node, hint, "%s: no file matches the pattern %s", path, as)
		return itself, true
	}
	for _, n := range names {
		n = filepath.FromSlash(n)
		found = append(found, engine.Source{Path: filepath.Join(beside(dir, written), n), As: filepath.Join(written, n)})
	}
	w.b.reads += len(found)
	return found, true
}

var errTooMany = errors.New("too many files")

// matches lists the files of a pattern below a folder, once for a compilation.
func (b *builder) matches(base, pattern string) ([]string, error) {
	at := base + "\x00" + pattern
	if m, ok := b.patterns[at]; ok {
		return m.files, m.err
	}
	files := os.DirFS(base)
	names, err := doublestar.Glob(&counted{FS: files, left: maxLooked}, pattern,
		doublestar.WithFilesOnly(), doublestar.WithNoHidden(), doublestar.WithNoFollow(), doublestar.WithFailOnIOErrors())
	names = slices.DeleteFunc(names, func(n string) bool { // a link to a folder
		st, err := fs.Stat(files, n)
		return err == nil && st.IsDir()
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	case len(names) > maxMatches:
		err = errTooMany
	}
	slices.Sort(names)
	b.patterns[at] = matched{names, err}
	return names, err
}

type matched struct {
	files []string
	err   error
}

// counted is a file system that is looked through up to a limit.
type counted struct {
	fs.FS
	left int
}

func (c *counted) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(c.FS, name)
	if c.left -= len(list); c.left < 0 {
		return nil, errTooMany
	}
	return list, err
}

func (c *counted) Stat(name string) (fs.FileInfo, error) { return fs.Stat(c.FS, name) }
