// Package expr is the ${ ... } expressions of recipes, in the expr-lang language, typed before they run.
//
//	text -> Split -> parts -> Parse (names used) -> Compile against a Scope (types) -> Program -> Run with values
//
// # Scope and Var
//
// A Scope is the names an expression may use; a Var says what type a name has and, for maps with known
// keys, which fields. Unknown names and fields are found here, with the near name as a hint; types by
// expr-lang's checker.
//
// # Ref
//
// An artifact in an expression: opaque, so that an expression can choose among artifacts but not look inside.
//
// # Numbers
//
// What a stage wrote about its result, in conditions: a map of floats whose names may be known (Numbers). A name that is
// not there is an error, also in == and !=. Later stands for numbers that are not there yet.
//
// # Secret
//
// ${secret.NAME} is opaque too, and more so: it is a whole expression or nothing. It is never compiled, so no
// operator or function can come near it.
//
// # Invariants
//
// Expressions are pure and bounded: an allow-list of functions without clock, randomness, files or
// environment, results in a fixed order, a bound on source length, nodes, nesting of predicates, their runs and memory.
//
// # Where to add things
//
// A function: builtins or custom in funcs.go, with a test in expr_test.go.
package expr
