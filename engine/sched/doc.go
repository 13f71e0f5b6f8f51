// Package sched decides which stages of a graph must run, and runs them.
//
//	Graph -> instance (schema, inputs, environment) -> key -> Lookup -> fresh, or queue -> tokens, lock -> Run -> Publish
//
// # Plan and Run
//
// Both walk the graph in order with the same code for keys. A node's key needs the content of its inputs, so Plan
// knows the keys below a stale node only as "maybe": when the node makes the same bytes as before, the wave
// stops there.
//
// # Why
//
// Both tell the same reasons (whyer): what changed since the last success, by part of the key, with the place where a new value
// was written and the files of an input that differ; and the root cause, followed up through the stages whose outputs changed.
// Each success remembers its own, so that the chain does not end where a stage was run alone.
//
// # Stage
//
// Run hands an engine.Stage its decoded parameters, inputs as local paths, a scratch directory and its share of the
// cores; what it wrote is published when it returns. From here the way to the matrix multiply leads into a
// stage: stages/pretrain, for one.
//
// # State
//
//	unknown -> wanted -> ready -> queued -> running -> done
//	             |         |        |          |
//	             |         |        |          +-> failed
//	             |         |        +-> done     (another process made it meanwhile)
//	             |         +-> done              (fresh: the result is there)
//	             |         +-> failed            (an input cannot be read)
//	             +-> skipped                     (switched off, or something upstream did not get done)
//
// wanted: selected, waits for upstream. ready: upstream is done, the key is being computed. queued: stale, waits
// for tokens or for another process. From wanted to running every state may become cancelled, and all before
// running may become skipped when a failure stops new work. Events call a done that ran nothing "fresh".
//
// # Gates
//
// A gate (engine.Gate) is decided by the numbers that other nodes wrote, when these are done or fresh: before the node's key is
// computed, of which it is no part. Shut, it switches the node off with the numbers in the reason, and so are nodes
// that read it. A list over a matrix leaves out what is off, unless all of the matrix is; the reader's key is then as
// if the recipe had left it out. What only waits for the node (Needs) runs. Numbers that are not there, or cannot be
// read, are the node's failure; a gate on a node that is off switches off, on one that failed skips.
//
// Nothing of it is stored: a run after a kill decides the same again from the same results. Plan decides what it can: a node
// whose gate reads what is not there yet (or is in a remote only) is Gated, and what cannot do without it Maybe.
//
// # Resources
//
// A running stage holds tokens: cores, memory, NPUs, the network, one of the jobs. What fits starts, in the order of the
// graph. A node that lacks tokens may be overtaken by later ones, but only maxOvertaken times: then what it needs is set
// aside for it. Of cores a node gets what there is; one that asks for more memory or NPUs than there are at all is
// refused before anything runs, unless its result is there.
//
// Mutexes are names of which one stage at a time may hold each, in all processes of a workspace. A node takes the lock
// of its key first, then its mutexes in the order of their names, then tokens, and who holds tokens waits for nobody:
// so no two nodes wait for each other.
//
// Of equal work (one key) only one instance runs; the others take its result.
//
// # Remote
//
// A queued node whose result the remote has is pulled instead of computed, and counts as fresh. It waits for the network
// without cores. New results are pushed while the run goes on; its end waits for them, a cancelled run does not.
//
// # Retries
//
// An attempt that fails is made again when the node's policy covers the class of the error (package fault), after a pause
// that doubles up to a minute, or as long as the other side asked for when that is longer. A timeout is one attempt's.
// A new attempt finds its output empty, and its work as it was when the stage can resume. Attempts are told as warnings
// and kept in the result.
//
// # Failure
//
// The first failure stops new work, and whoever waits to begin; stages that run are let end. The exit code is the
// highest band of all failures, and that of a cancellation when there was one.
//
// # Lock file
//
// Options.Lock replaces what a stage's parameters say loosely (engine.Pinner) before keys are computed, and says what
// sources should hold; Lock makes one. See package lockfile.
//
// # Secrets
//
// Parameters hold secrets by name (secret.Text). Just before a stage runs, the vault finds the values of its own and of
// those before it: what it reads may hold them. Values of secret variables and parameters, and all that the vault has
// found, are cut out of everything that any stage says: events, errors, notes, reasons.
//
// # Why one goroutine owns all states
//
// Workers only return closures to it, so there are no locks around the graph, and every transition is checked
// against one table.
package sched
