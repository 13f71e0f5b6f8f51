// Package lsp is a language server for recipes and workspace files: it tells editors what is wrong, completes, explains and
// finds places, by the language server protocol (3.17).
//
//	frames -> internal/rpc -> Server (one message at a time) -> document, the editor's text
//	    -> compile.Look, workspace.Parse over unsaved texts -> diagnostics by file
//	    -> internal/outline -> project (the recipe and what it extends)
//	           -> slot -> completion, hover       what fits at a place
//	           -> mentions -> definition, references, rename
//
// # Server
//
// Owns the open documents and answers in the order of arrival. A reader takes messages in and notes cancellations; a
// checker, one at a time, compiles the open recipes once typing pauses. Nothing else runs beside it.
//
// # project
//
// What completion and navigation know: the outlines of the recipe and of the files it extends, merged key by key. It is
// there however broken the text is. Types and values of expressions come from compile.View.
//
// # slot and mention
//
// A slot is what fits at a path of keys, as keys and as a value. A mention is a place that names a symbol: a stage, a
// parameter, an axis, a variable, a secret.
//
// # Invariants
//
// No input ends the server but `exit`, the end of the input, and a header without a length: a panic is an error answer and a log
// line. Nothing is written to disk. Findings about a file appear at that file, and go away with what caused them.
//
// # Where to add things
//
// A key of the language: its text in language.go; keys below it come from the JSON Schema. A place with its own values:
// slot.go. A request: handlers in server.go and its capability in lifecycle.go.
package lsp
