// Package fault gives errors an exit code by band, a hint, and says whether trying again may help.
//
//	New, Wrap, WithHint where a mistake is found -> fmt.Errorf("...: %w") on the way -> CodeOf, HintOf in cmd
//
// # Bands
//
// 0 ok, 1 internal, 2 usage, 10-19 recipe, 20-29 input data, 30-39 network, 40-49 compute, 50-59 cluster,
// 130 cancelled. `belay help exit-codes` prints them.
//
// # Temporary
//
// An error that says so may go away by itself: without a policy of the recipe's only such errors are retried, and not
// before the time that the other side asked for.
//
// # Class
//
// A word for an error, for retry policies and records: timeout, temporary, else its band.
//
// # Invariants
//
// The band that is nearest to the cause wins: wrapping an error that has one keeps it.
package fault
