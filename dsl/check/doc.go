// Package check finds what can be known about a recipe before anything is evaluated: which stage reads
// which, whether they form a cycle, which parameter values a caller's overrides give.
//
//	ast.Recipe -> Refs (who reads whom, and where) -> Order (dependency order, cycles)
//	ast.Recipe + overrides -> Params (typed values and where they come from)
//	param.Problem -> Place (diagnostics with positions)
//
// # Ref
//
// One stage reads another: through an expression of `with` or `when`, a matrix taken over, or `needs`.
//
// # Invariants
//
// Nothing is evaluated and no file is opened. Evaluation, matrix and kinds, which need values, are package
// compile's.
//
// # Where to add things
//
// A check that needs the recipe's text alone is a function here that returns a diag.List, called by compile.
package check
