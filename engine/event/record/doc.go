// Package record keeps what happened in a run: runs/ID/events.jsonl, every event as it came, and
// runs/ID/run.json, the run as it stands, small enough to show and compare.
//
//	Event -> Recorder -> events.jsonl, run.json -> Load -> show, diff, report.html
//
// # Run and Node
//
// A Run is one call of `belay run` with its nodes in the graph's order. A Node holds a stage instance's
// state, parameters, key parts, outputs, results and curves. Curves are thinned to at most
// MaxPoints points, the first and the last among them; all points are in events.jsonl.
//
// # Brief and Head
//
// A record begins with a Brief: states counted, results. Head reads a run up to its nodes, so a list of thousands of
// runs opens files but reads little of them. Find is the run that a person means: last, last~1, the beginning of an ID.
//
// # Recorder
//
// A Sink that folds events into the run. run.json is replaced atomically within a second of every end of a stage, every few
// seconds in between and at the end; a run that was killed has no finish time. Facts that no event
// carries (key parts, outputs, notes) are set through Update.
//
// # Load
//
// Reads what a Recorder wrote, whoever changed it since: sizes are limited, unknown fields are let pass
// and nothing is followed.
package record
