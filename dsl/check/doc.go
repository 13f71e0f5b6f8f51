// Package check finds what can be known about a recipe before anything is evaluated: which stage reads
// which, whether they form a cycle, which parameter values a caller's overrides give.
//
//	ast.Recipe -> Refs (who reads whom, and where) -> Order (dependency order, cycles)
//	ast.Recipe + overrides -> Params (typed values and where they come from)
//	param.Problem -> Place (diagnostics with positions)
//
// Evaluation, matrix and kinds, which need values, are package compile's.
package check
