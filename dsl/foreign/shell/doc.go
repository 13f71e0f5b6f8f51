// Package shell reads a bash script for the command lines in it. Nothing is executed and no other file is opened: what a
// script computes by running programs stays unknown.
//
//	pos.File -> Read (syntax) -> statements in order -> variables -> words, split into Fields -> Script
//
// # Field
//
// One argument of a command as bash would pass it, and where its text is written, which is inside ARGS="..." when the
// command says $ARGS.
//
// # Hole
//
// A part of a value that only a run of the script would tell: a command substitution, an argument of the script, a
// variable that is set elsewhere or on a path that may not be taken.
//
// # Note
//
// What stands in the script and is not followed: loops, functions, conditions, here-documents, redirections.
//
// # Invariants
//
// The size of the file, the growth of values and the number of fields are bounded. Statements that may not run leave the
// variables they set unknown, so that no value is taken from a branch not taken.
//
// # Where to add things
//
// A kind of statement: stmt in eval.go. A form of ${...}: param in word.go.
package shell
