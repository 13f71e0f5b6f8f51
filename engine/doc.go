// Package engine is the typed graph of cached stages. It knows no particular stage, no YAML and no
// model.
//
// # Nouns
//
// A Stage is a kind of work: Describe says its parameters and ports, Run does it. A Node is a stage
// with values, one instance of the matrix. A Graph holds nodes in dependency order. A Gate is a condition of a node on numbers that
// others write.
//
//	Graph -> key (what would make each node's result differ) -> store (is it there?)
//	      -> sched (run what is not) -> event (progress, run.json, report.html)
//
// # Where to add things
//
// A kind of work is a Stage under stages/. What every stage should have (retries, a new kind of resource, another
// store) belongs here, and must not know any stage.
//
// # Sub packages
//
// artifact: kinds, ports, digests, manifests. param: parameter structs as schemas. key: cache keys and
// their differences. store: atomic publish, locks, stat cache. sched: plan and run. event: what
// happened, to terminals, files and the report. lockfile: belay.lock. fault: errors with an exit code. enginetest: fakes
// and conformance suites. metric: numbers that stages write. formula: what expressions may do. secret: values that must
// not be written. watch: when files change. remote: results shared by a team. bundle: a recipe and its results in one
// file.
package engine
