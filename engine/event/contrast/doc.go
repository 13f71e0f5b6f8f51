// Package contrast sets two runs, or two stages of runs, side by side.
//
//	record.Run, record.Run -> Rows: where, section, what, one value, the other
//
// # Row
//
// One fact with its two values. Facts of a run are how it was called and how it ended; facts of a stage are its
// state and time, its parameters, the parts of its key, and its results. A fact that only one side has stands with
// an empty text on the other; of a stage that only one run has, its state alone is told.
//
// Times are compared only where both sides ran: a fresh stage took the time to look for its result. Values that are
// numbers on both sides also have a difference. To add a fact, extend runFacts or stageFacts: the order there is the
// order of the rows.
package contrast
