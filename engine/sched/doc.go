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
// # Resources
//
// A running stage holds tokens: cores, the network, one of the jobs. What fits starts, in the order of the graph.
// Of equal work (one key) only one instance runs; the others take its result.
//
// # Remote
//
// A queued node whose result the remote has is pulled instead of computed, and counts as fresh. It waits for the network
// without cores. New results are pushed while the run goes on; its end waits for them, a cancelled run does not.
//
// # Secrets
//
// Values of secret variables and parameters are cut out of everything that a stage says: events, errors, notes.
//
// # Why one goroutine owns all states
//
// Workers only return closures to it, so there are no locks around the graph, and every transition is checked
// against one table.
package sched
