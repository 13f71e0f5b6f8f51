package lsp

import (
	"path/filepath"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/diag"
)

// look compiles a recipe as from its own folder, so that messages call files by short names.
func look(path string, opt compile.Options) (*compile.View, diag.List) {
	opt.Dir, opt.Open = filepath.Dir(path), true
	return compile.Look(filepath.Base(path), opt)
}

// seen is what compiling a recipe told.
type seen struct {
	uri  string
	view *compile.View
}

// view compiles a recipe for what only compiling knows; nil when it is no recipe file.
func (s *Server) view(src *source) *compile.View {
	if src.path == "" || !src.recipe() || len(src.text) > ast.MaxBytes {
		return nil
	}
	if s.seen != nil && s.seen.uri == src.uri {
		return s.seen.view
	}
	texts := map[string]string{}
	for _, d := range s.docs {
		texts[d.path] = d.text
	}
	v, _ := look(src.path, s.options(texts))
	s.seen = &seen{src.uri, v}
	return v
}
