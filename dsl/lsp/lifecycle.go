package lsp

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/lsp/internal/rpc"
)

type object = map[string]any

// initialize agrees with the client on what both can do.
func (s *Server) initialize(params json.RawMessage) (any, *rpc.Error) {
	if s.state != fresh {
		return nil, rpc.Errorf(rpc.CodeInvalidRequest, "the server is initialized already")
	}
	var p initializeParams
	if fail := decode(params, &p); fail != nil {
		return nil, fail
	}
	c := p.Capabilities
	encoding := "utf-16"
	if slices.Contains(c.General.PositionEncodings, "utf-8") {
		encoding, s.inBytes = "utf-8", true
	}
	item := c.TextDocument.Completion.CompletionItem
	s.snippets = item.SnippetSupport
	s.indents = slices.Contains(item.InsertTextModeSupport.ValueSet, 2)
	s.itemMarkdown = slices.Contains(item.DocumentationFormat, "markdown")
	s.markdown = slices.Contains(c.TextDocument.Hover.ContentFormat, "markdown")
	s.tree = c.TextDocument.DocumentSymbol.Hierarchical
	s.relates = c.TextDocument.PublishDiagnostics.RelatedInformation
	s.watches = c.Workspace.DidChangeWatchedFiles.DynamicRegistration
	s.state = running
	return object{
		"serverInfo": object{"name": "belay", "version": s.opt.Version},
		"capabilities": object{
			"positionEncoding":       encoding,
			"textDocumentSync":       object{"openClose": true, "change": 2, "save": object{}},
			"completionProvider":     object{"triggerCharacters": []string{".", "{", "[", "'", "/", " "}},
			"hoverProvider":          true,
			"definitionProvider":     true,
			"referencesProvider":     true,
			"documentSymbolProvider": true,
			"renameProvider":         object{"prepareProvider": true},
			"codeActionProvider":     object{"codeActionKinds": []string{"quickfix"}},
		},
	}, nil
}

// initialized asks the client to tell of files that change outside the editor.
func (s *Server) initialized() *rpc.Error {
	if !s.watches {
		return nil
	}
	err := s.out.Call("client/registerCapability", object{"registrations": []any{object{
		"id": "files", "method": "workspace/didChangeWatchedFiles",
		"registerOptions": object{"watchers": []any{object{"globPattern": "**/*.{yaml,yml}"}}},
	}}})
	if err != nil {
		return rpc.Errorf(rpc.CodeInternal, "%v", err)
	}
	return nil
}

// plainly takes the marks of markdown out, for clients that show them.
func plainly(text string) string { return strings.NewReplacer("**", "", "`", "").Replace(text) }

func (s *Server) itemMarkup(text string) *markup { return markupOf(text, s.itemMarkdown) }

func markupOf(text string, markdown bool) *markup {
	if markdown {
		return &markup{"markdown", text}
	}
	return &markup{"plaintext", plainly(text)}
}
