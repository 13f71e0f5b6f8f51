package ast

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/pos"
)

// Bounds on what one recipe may be made of.
const (
	maxFiles = 100
	maxTotal = 2 * MaxBytes
)

// Loader reads the files of one recipe: those it extends and those its stages use. Its bounds are for all of them
// together.
type Loader struct {
	Over  Overlay     // texts that lie over those of the disk; nil is none
	Files []*pos.File // what was read, in order

	tried, bytes int
	diags        *diag.List
}

// Overlay gives the text of a file that is being edited and not yet saved; ok is false for files to be read
// from the disk.
type Overlay func(path string) (text string, ok bool)

// Load reads a recipe file and those it extends, and merges them. name is how messages call the file, path
// where it lies. The node is nil when there is nothing to go on with.
func Load(path, name string) (*Node, diag.List) { return new(Loader).Load(path, name, pos.Span{}) }

// Load is as the function Load, for one file more. at is where a stage says that it uses the file, unknown for
// the recipe itself.
func (ld *Loader) Load(path, name string, at pos.Span) (*Node, diag.List) {
	var l diag.List
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	ld.diags = &l
	n := ld.file(abs, name, at, pos.Span{}, nil)
	return n, l
}

// Identity is the path by which a file is known to be the same, whatever links led to it.
func Identity(abs string) string {
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real
	}
	return filepath.Clean(abs)
}

// opened is a file whose `extends` is being followed.
type opened struct {
	*pos.File
	identity string
}

// file reads one file. at is where it is named, via the same for those that `extends` names. open is the chain of files
// that led here, outermost first.
func (ld *Loader) file(abs, name string, at, via pos.Span, open []opened) *Node {
	missing := pos.NewFile(name, abs, filepath.Dir(abs), "")
	if !at.Known() {
		at = pos.Span{Start: pos.Pos{File: missing}, End: pos.Pos{File: missing}}
	}
	identity := Identity(abs)
	if i := slices.IndexFunc(open, func(f opened) bool { return f.identity == identity }); i >= 0 {
		d := diag.Diagnostic{Summary: fmt.Sprintf("%s extends itself", open[i].Name), Subject: via}
		for _, f := range open[i+1:] {
			d.Notes = append(d.Notes, diag.Note{Text: "extends " + f.Name, Span: f.Via})
		}
		ld.diags.Add(d)
		return nil
	}
	if ld.tried++; ld.tried > maxFiles {
		ld.diags.Errorf(at, "", "a recipe may be made of %d files at most", maxFiles)
		return nil
	}
	text, err := ld.read(abs)
	if err != nil {
		ld.diags.Errorf(at, "", "%s: %s", err, name)
		return nil
	}
	if ld.bytes += len(text); ld.bytes > maxTotal {
		ld.diags.Errorf(at, "", "the files of the recipe have more than %d MiB together", maxTotal>>20)
		return nil
	}
	f := pos.NewFile(name, abs, filepath.Dir(abs), strings.TrimPrefix(text, "\ufeff"))
	f.Via = via
	ld.Files = append(ld.Files, f)
	n, diags := Parse(f)
	ld.diags.Add(diags...)
	if n == nil {
		return nil
	}
	if n.Kind != Map {
		ld.diags.Errorf(n.Span, "begin with `belay: 1`", "a recipe is a map, have %s", n.Kind)
		return nil
	}
	return ld.extend(n, f, append(slices.Clip(open), opened{f, identity}))
}

// extend merges n over the files its `extends` key names.
func (ld *Loader) extend(n *Node, f *pos.File, open []opened) *Node {
	var base *Node
	holes := false
	p := n.Find("extends")
	if p != nil {
		items := []*Node{p.Value}
		if p.Value.Kind == List {
			items = p.Value.Items
		}
		for _, item := range items {
			switch {
			case item.Kind != Text || item.Text == "":
				ld.diags.Errorf(item.Span, "", "extends wants the path of a recipe or a list of them, have %s", item.Kind)
				continue
			case strings.Contains(item.Text, "${"):
				ld.diags.Errorf(item.Span, "", "extends takes no expressions")
				continue
			}
			abs, name := Locate(item.File(), item.Text)
			below := ld.file(abs, name, item.Span, item.Span, open)
			if below == nil {
				holes = true
				continue
			}
			holes = holes || below.holes
			base = Merge(base, below, ld.diags)
		}
	}
	own := *n
	own.Pairs = slices.DeleteFunc(slices.Clone(n.Pairs), func(q *Pair) bool { return q == p })
	out := Merge(base, &own, ld.diags)
	out.Span, out.holes = n.Span, holes
	return out
}

// Locate is where a path lies that is written in a file, and how messages call it.
func Locate(f *pos.File, path string) (abs, name string) {
	if filepath.IsAbs(path) {
		return filepath.Clean(path), path
	}
	return filepath.Join(f.Dir, path), filepath.Join(filepath.Dir(f.Name), path)
}

func (ld *Loader) read(path string) (string, error) {
	if ld.Over != nil {
		if text, ok := ld.Over(path); ok {
			return text, nil
		}
	}
	return read(path)
}

// read reads a regular file of at most MaxBytes, and a little more so that Parse can complain. Anything else is not
// even opened: that could wait for ever.
func read(path string) (string, error) {
	reason := func(err error) error {
		var pe *fs.PathError
		if errors.Is(err, fs.ErrNotExist) {
			return errors.New("no such file")
		} else if errors.As(err, &pe) {
			err = pe.Err
		}
		return fmt.Errorf("read recipe: %w", err)
	}
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return "", reason(err)
	case st.IsDir():
		return "", errors.New("read recipe: is a directory")
	case !st.Mode().IsRegular():
		return "", errors.New("read recipe: is no regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", reason(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return "", fmt.Errorf("read recipe: %w", err)
	}
	return string(b), nil
}
