// Package dsl is the recipe language: text becomes a checked graph, or a list of diagnostics that names
// every mistake at once.
//
//	text -> ast (yaml with positions, extends) -> check (params, expressions, matrix, types) -> compile -> engine.Graph
//
// # Sub packages
//
// pos: file, line, column, span. diag: diagnostics and their printers. ast: the tree of a recipe, which
// keeps where each value was written through extends and overrides. expr: ${ ... } expressions, typed
// before they run. check: who reads whom, cycles, parameters of the caller, problems put in their
// place. compile: the front door, from a path (or one stage's command line) to a graph: matrix, evaluation, inputs and
// kinds, recipes that stages use. schema: JSON Schemas for editors. workspace: the file belay.yaml. lsp: the language
// server. foreign: recipes made of other systems' scripts and configurations.
//
// # Invariants
//
// Nothing here but foreign knows a particular stage by name: what a stage takes comes from its param.Schema. Checking reads no
// file but the recipe, those it extends or uses, and whether its sources exist. All mistakes are collected; no
// input panics or takes memory out of proportion to its size.
package dsl
