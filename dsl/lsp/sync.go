package lsp

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/belay-ml/belay/dsl/lsp/internal/rpc"
)

// maxOpen bounds how many documents a client may have open.
const maxOpen = 1000

func (s *Server) didOpen(params json.RawMessage) *rpc.Error {
	var p didOpenParams
	if fail := decode(params, &p); fail != nil {
		return fail
	}
	t := p.TextDocument
	if len(s.docs) >= maxOpen {
		return rpc.Errorf(rpc.CodeFailed, "more than %d documents are open", maxOpen)
	}
	d := &document{version: t.Version, source: newSource(t.URI, pathOf(t.URI), t.Text, s.inBytes)}
	d.declared = t.LanguageID == "belay"
	s.docs[t.URI] = d
	s.changed(0)
	return nil
}

func (s *Server) didChange(params json.RawMessage) *rpc.Error {
	var p didChangeParams
	if fail := decode(params, &p); fail != nil {
		return fail
	}
	d := s.docs[p.TextDocument.URI]
	if d == nil {
		return rpc.Errorf(rpc.CodeInvalidParams, "%.200s is not open", p.TextDocument.URI)
	}
	d.apply(p.ContentChanges, s.inBytes)
	if v := p.TextDocument.Version; v != nil {
		d.version = *v
	}
	s.changed(pause)
	return nil
}

func (s *Server) didClose(params json.RawMessage) *rpc.Error {
	var p documentParams
	if fail := decode(params, &p); fail != nil {
		return fail
	}
	delete(s.docs, p.TextDocument.URI)
	s.changed(0)
	return nil
}

// changed has the recipes checked after a while without further changes.
func (s *Server) changed(after time.Duration) {
	s.tick++
	s.seen = nil
	if after > 0 {
		s.timer = s.opt.After(after)
		return
	}
	s.timer = nil
	s.check()
}

// open are the documents, by URI.
func (s *Server) open() []*document {
	out := slices.Collect(maps.Values(s.docs))
	slices.SortFunc(out, func(a, b *document) int { return strings.Compare(a.uri, b.uri) })
	return out
}

// uri is what the client calls a file.
func (s *Server) uri(path string) string {
	for _, d := range s.open() {
		if d.path == path {
			return d.uri
		}
	}
	return uriOf(path)
}
