// Package formula is what expressions in the expr-lang language may do in belay, wherever they stand: in a recipe's
// ${ ... } (dsl/expr) and over the columns of records (stages/preprocess/rowexpr).
//
// # Invariants
//
// Expressions are pure and bounded: an allow-list of functions without clock, randomness, files or environment, results
// in a fixed order, and bounds on source length, nodes, nesting of predicates and their runs.
//
// # Where to add things
//
// A function: Builtins or Custom, with a test in dsl/expr.
package formula

// Bounds on one expression.
const (
	MaxSource     = 4096 // bytes
	MaxNodes      = 1000
	MaxPredicates = 3 // filter inside map inside sum: work grows with the power
)
