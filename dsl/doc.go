// Package dsl is the recipe language: text becomes a checked graph, or a list of diagnostics that names
// every mistake at once.
//
//	text -> ast (yaml with positions, extends) -> check (params, expressions, matrix, types) -> compile -> engine.Graph
//
// # Sub packages
//
// pos: file, line, column, span. diag: diagnostics and their printers. ast: the tree of a recipe, which
// keeps where each value was written through extends and overrides. expr: ${ ... } expressions, typed
// before they run. check: names, types, kinds, cycles, instances. compile: the front door, from a path to
// a graph. stagecall: one stage by itself from the command line. schema: JSON Schemas for editors.
//
// # Invariants
//
// Nothing here knows a particular stage: what a stage takes comes from its param.Schema. Checking reads no
// file but the recipe, those it extends, and whether its sources exist. All mistakes are collected; no
// input panics or takes memory out of proportion to its size.
package dsl
