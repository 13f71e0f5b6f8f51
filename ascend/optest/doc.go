// Package optest is the conformance suite of backends: every operation of op.Backend against plain
// float64 arithmetic.
//
// # Case
//
// A case makes random inputs from a seed of its own, runs an operation, and compares with an oracle
// written from the definition. Gradients are compared with central differences of the float64 forward
// oracle, so that no derivation is trusted twice.
//
// # Device
//
// A device wraps the backend under test, uploads into strided tensors on purpose, and records all
// that was downloaded; [Equal] compares such records bit by bit.
//
// # Adding an operation
//
// Write its oracle and its cases in a file of its noun and name the cases in cases().
package optest
