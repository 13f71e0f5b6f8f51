// Package all is the one list of stages; a stage that is not in it does not exist for the program.
//
//	Stages() -> the checker (kinds, parameters), schemas, `belay stage`, the README's table
//
// # Where to add things
//
// A stage is one line in Stages, at its place in the order of the documentation.
package all
