package lsp

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/lsp/internal/rpc"
)

// codeAction offers the near name of findings that have one.
func (s *Server) codeAction(params json.RawMessage) (any, *rpc.Error) {
	var p codeActionParams
	if fail := decode(params, &p); fail != nil {
		return nil, fail
	}
	actions := []codeAction{}
	d := s.docs[p.TextDocument.URI]
	if d == nil || len(p.Context.Only) > 0 && !slices.ContainsFunc(p.Context.Only, func(k string) bool { return k == "quickfix" || k == "" }) {
		return actions, nil
	}
	for _, f := range p.Context.Diagnostics {
		_, hint, ok := strings.Cut(f.Message, "\nhint: did you mean ")
		name, _, closed := strings.Cut(hint, "?")
		if !ok || !closed || f.Source != "belay" {
			continue
		}
		from, to := d.lines.offset(f.Range.Start), d.lines.offset(f.Range.End)
		if from >= to {
			continue
		}
		text := d.text[from:to]
		if q := text[0]; len(text) > 1 && (q == '"' || q == '\'') && text[len(text)-1] == q {
			from, to = from+1, to-1
		}
		actions = append(actions, codeAction{
			Title: "Change to " + name, Kind: "quickfix", Diagnostics: []diagnostic{f}, IsPreferred: true,
			Edit: workspaceEdit{Changes: map[string][]textEdit{d.uri: {{d.lines.span(from, to), name}}}},
		})
	}
	return actions, nil
}
