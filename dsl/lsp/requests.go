package lsp

import (
	"encoding/json"

	"github.com/belay-ml/belay/dsl/lsp/internal/rpc"
)

// place is what a request points at.
type place struct {
	*project
	off    int
	params positionParams
}

// atPosition makes a handler of a request about a position in an open document. Documents that are not open are
// answered with null: editors ask while they close them.
func atPosition(answer func(*Server, *place) (any, *rpc.Error)) func(*Server, json.RawMessage) (any, *rpc.Error) {
	return func(s *Server, params json.RawMessage) (any, *rpc.Error) {
		at := &place{}
		if fail := decode(params, &at.params); fail != nil {
			return nil, fail
		}
		d := s.docs[at.params.TextDocument.URI]
		if d == nil {
			return nil, nil
		}
		at.project, at.off = s.project(d.source), d.lines.offset(at.params.Position)
		return answer(s, at)
	}
}

func (s *Server) completion(at *place) (any, *rpc.Error) {
	list := completionList{Items: at.complete(at.off)}
	if list.Items == nil {
		list.Items = []completionItem{}
	}
	return list, nil
}

func (s *Server) hoverAt(at *place) (any, *rpc.Error) {
	text, from, to := at.hover(at.off)
	if text == "" {
		return nil, nil
	}
	span := at.files[0].span(from, to)
	return hover{*markupOf(text, s.markdown), &span}, nil
}

func (s *Server) definitionAt(at *place) (any, *rpc.Error) {
	return locations(at.definition(at.off)), nil
}

func (s *Server) referencesAt(at *place) (any, *rpc.Error) {
	return locations(at.references(at.off, at.params.Context.IncludeDeclaration)), nil
}

// locations is a list that is never null.
func locations(l []location) []location {
	if l == nil {
		return []location{}
	}
	return l
}

func (s *Server) prepareRename(at *place) (any, *rpc.Error) {
	m, fail := at.renamable(at.off)
	if fail != nil {
		return nil, fail
	}
	return prepared{at.files[0].span(m.from, m.to), m.name}, nil
}

func (s *Server) renameAt(at *place) (any, *rpc.Error) { return at.rename(at.off, at.params.NewName) }

func (s *Server) documentSymbol(params json.RawMessage) (any, *rpc.Error) {
	var p documentParams
	if fail := decode(params, &p); fail != nil {
		return nil, fail
	}
	d := s.docs[p.TextDocument.URI]
	if d == nil || !s.project(d.source).ours() {
		return []documentSymbol{}, nil
	}
	tree := outlineSymbols(d.source)
	if !s.tree {
		return flat(d.source, tree, ""), nil
	}
	if tree == nil {
		tree = []documentSymbol{}
	}
	return tree, nil
}
