// Package diag holds what is wrong with a recipe, as values: a Diagnostic has a short summary, a place and
// a hint; a List collects them. Stages use it too, for mistakes they find in values that came from a recipe.
//
//	findings -> List -> Sorted (by file, line, column; twins dropped) -> Text | JSON | CI
//
// # Invariants
//
// Every diagnostic about a recipe has a Subject. Summaries are lower-case, without a full stop, and say
// what is wrong; hints say what to do. Printers show the first Limit errors and count the rest.
package diag
