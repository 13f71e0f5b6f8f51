// Package fault gives errors an exit code by band, a hint, and says whether trying again may help.
//
// The bands are printed by `belay help exit-codes`: 0 ok, 1 internal, 2 usage, 10-19 recipe, 20-29
// input data, 30-39 network, 40-49 compute, 50-59 cluster, 130 cancelled.
package fault
