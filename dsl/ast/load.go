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

// maxFiles bounds how many files one recipe may be made of.
const maxFiles = 100

// Overlay gives the text of a file that is being edited and not yet saved; ok is false for files to be read
// from the disk.
type Overlay func(path string) (text string, ok bool)

// Load reads a recipe file and those it extends, and merges them. name is how messages call the file, path
// where it lies. The node is nil when there is nothing to go on with.
func Load(path, name string) (*Node, diag.List) { return LoadOver(path, name, nil) }

// LoadOver is Load with texts that lie over those of the disk; nil is none.
func LoadOver(path, name string, over Overlay) (*Node, diag.List) {
	var l diag.List
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	ld := &loader{diags: &l, over: over}
	n := ld.file(abs, name, pos.Span{}, nil)
	return n, l
}

type loader struct {
	diags *diag.List
	over  Overlay
	files int
}

// file reads one file. open is the chain of files that led here, outermost first.
func (ld *loader) file(abs, name string, via pos.Span, open []*pos.File) *Node {
	at := via
	missing := pos.NewFile(name, abs, filepath.Dir(abs), "")
	if !at.Known() {
		at = pos.Span{Start: pos.Pos{File: missing}, End: pos.Pos{File: missing}}
	}
	if i := slices.IndexFunc(open, func(f *pos.File) bool { return f.Path == abs }); i >= 0 {
		d := diag.Diagnostic{Summary: fmt.Sprintf("%s extends itself", open[i].Name), Subject: via}
		for _, f := range open[i+1:] {
			d.Notes = append(d.Notes, diag.Note{Text: "extends " + f.Name, Span: f.Via})
		}
		ld.diags.Add(d)
		return nil
	}
	if ld.files++; ld.files > maxFiles {
		ld.diags.Errorf(at, "", "a recipe may be made of %d files at most", maxFiles)
		return nil
	}
	text, err := ld.read(abs)
	if err != nil {
		ld.diags.Errorf(at, "", "%s: %s", err, name)
		return nil
	}
	f := pos.NewFile(name, abs, filepath.Dir(abs), strings.TrimPrefix(text, "\ufeff"))
	f.Via = via
	n, diags := Parse(f)
	ld.diags.Add(diags...)
	if n == nil {
		return nil
	}
	if n.Kind != Map {
		ld.diags.Errorf(n.Span, "begin with `belay: 1`", "a recipe is a map, have %s", n.Kind)
		return nil
	}
	return ld.extend(n, f, append(slices.Clip(open), f))
}

// extend merges n over the files its `extends` key names.
func (ld *loader) extend(n *Node, f *pos.File, open []*pos.File) *Node {
	var base *Node
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
			abs, name := item.Text, item.Text
			if !filepath.IsAbs(abs) {
				abs, name = filepath.Join(f.Dir, item.Text), filepath.Join(filepath.Dir(f.Name), item.Text)
			}
			if below := ld.file(filepath.Clean(abs), name, item.Span, open); below != nil {
				base = Merge(base, below, ld.diags)
			}
		}
	}
	own := *n
	own.Pairs = slices.DeleteFunc(slices.Clone(n.Pairs), func(q *Pair) bool { return q == p })
	out := Merge(base, &own, ld.diags)
	out.Span = n.Span
	return out
}

func (ld *loader) read(path string) (string, error) {
	if ld.over != nil {
		if text, ok := ld.over(path); ok {
			return text, nil
		}
	}
	return read(path)
}

// read reads a regular file of at most MaxBytes, and a little more so that Parse can complain.
func read(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		var pe *fs.PathError
		if errors.Is(err, fs.ErrNotExist) {
			return "", errors.New("no such file")
		} else if errors.As(err, &pe) {
			err = pe.Err
		}
		return "", fmt.Errorf("read recipe: %w", err)
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return "", errors.New("read recipe: is a directory")
	}
	b, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return "", fmt.Errorf("read recipe: %w", err)
	}
	return string(b), nil
}
