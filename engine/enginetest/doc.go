// Package enginetest helps to test stages and the engine: fake stages, a clock that does not wait, a sink that
// remembers, and the conformance suite that every stage must pass.
//
// # Stage
//
// Stage runs a stage through the real scheduler and store on given cases and checks what the engine relies on: a
// schema that reads, every port written, the same bytes from two runs, no writes outside its own directories, and
// an early end when it is cancelled.
//
// # Fakes
//
// Concat, First, Fail, Gate and Steps are stages without any real work that count their runs; Node and Graph put
// them together. Clock and Events stand in for time and for people.
package enginetest
