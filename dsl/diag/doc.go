// Package diag holds what is wrong with a recipe, as values. Stages use it too, for mistakes they find in
// values that came from a recipe.
//
//	findings -> List -> sorted (by file, line, column; twins dropped) -> Text | JSON | CI
//
// # Diagnostic
//
// A short summary, a place, a hint, and notes that point elsewhere.
//
// # List
//
// All findings about one recipe: a person corrects them in one go.
//
// # Invariants
//
// Every diagnostic about a recipe has a Subject. Summaries are lower-case, without a full stop, and say
// what is wrong; hints say what to do. Printers show the first Limit errors and count the rest.
//
// # Where to add things
//
// Another form of output is a function beside Text, JSON and CI, chosen in cmd.
package diag
