// Package compile is the front door of the language: from a recipe's path to the graph the engine runs.
//
//	path -> ast.Load -> Decode -> overrides -> check.Params, check.Order
//	     -> per stage, those it reads first: matrix -> cells -> per cell: when, with, Normalize, inputs, ports
//	     -> engine.Graph
//
// # Rules worth knowing
//
// A reference ${sft.checkpoint} from a stage whose matrix has every axis of sft means the instance with the
// same values; from any other stage it is the list of all instances' ports. ${sft['seed=1'].checkpoint} is one.
//
// A path behind a reference, ${data.files}/train, is a file or folder inside the artifact. Its digest is that
// part's own: a change elsewhere in the artifact makes nothing stale.
//
// An instance whose `when` is false is off. Who reads a port of it is off too, with the reason. A list over
// a matrix leaves out the instances that are off; when all are, its reader is off. Only references that are
// evaluated count: the branch of ?: not taken does not.
//
// Paths in input fields are relative to the file they were written in, values of -p and --set to the working
// directory. A stage with the fields tp, pp, ep or vpp takes those that the recipe's `parallel` writes and its
// own `with` does not.
//
// # Invariants
//
// Every mistake is reported once, with its place; a mistake does not cause others: what depends on it has an
// unknown type. Without errors, nodes come after the nodes they read.
package compile
