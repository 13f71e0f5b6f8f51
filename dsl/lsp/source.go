package lsp

import (
	"io"
	"os"
	"path/filepath"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/lsp/internal/outline"
	"github.com/belay-ml/belay/dsl/workspace"
)

// source is a text as the server sees it: the editor's, or the disk's.
type source struct {
	uri, path string
	text      string
	lines     *lines
	declared  bool          // the client calls it a recipe
	root      *outline.Node // read when first asked for
}

func newSource(uri, path, text string, inBytes bool) *source {
	return &source{uri: uri, path: path, text: text, lines: newLines(text, inBytes)}
}

func (s *source) outline() *outline.Node {
	if s.root == nil {
		if len(s.text) > ast.MaxBytes {
			s.root = &outline.Node{Kind: outline.Map}
		} else {
			s.root = outline.Parse(s.text)
		}
	}
	return s.root
}

func (s *source) span(from, to int) textRange { return s.lines.span(from, to) }

func (s *source) location(from, to int) location { return location{s.uri, s.span(from, to)} }

// recipe says whether the text is one, as far as its first level shows. Editors open the server for any YAML.
func (s *source) recipe() bool {
	root := s.outline()
	if s.declared || root.Find("belay") != nil {
		return true
	}
	stages := root.Find("stages")
	return stages != nil && stages.Value.Kind == outline.Map
}

// settings says whether the text is a workspace file.
func (s *source) settings() bool { return filepath.Base(s.path) == workspace.Name }

// load gives the text of a file: the editor's if it is open, else the disk's. It is nil when there is none.
func (s *Server) load(path string) *source {
	for _, d := range s.docs {
		if d.path == path {
			return d.source
		}
	}
	text, ok := readFile(path)
	if !ok {
		return nil
	}
	return newSource(uriOf(path), path, text, s.inBytes)
}

// readFile reads a regular file of at most the size that a recipe may have.
func readFile(path string) (string, bool) {
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() || st.Size() > ast.MaxBytes {
		return "", false
	}
	f, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, ast.MaxBytes))
	if err != nil {
		return "", false
	}
	return string(b), true
}
