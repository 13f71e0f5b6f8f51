// Package openlineage writes a run as OpenLineage events, one a line, in the order in which they happened.
//
//	export.Source -> Events -> JSON lines, for a lineage service or a file
//
// # Event
//
// The recipe is a job, and every stage instance is a job whose parent it is. A run of a job has START and then COMPLETE,
// FAIL or ABORT (cancelled). A fresh stage did not run: it has one job event, which tells its inputs and outputs. Stages
// that were never reached have none, and a run that never ended has no last event.
//
// # Dataset
//
// An output is called RECIPE/STAGE.PORT in the jobs' name space, a source by its path in the name space "file", or as
// its address says. The version of a dataset is its SHA-256.
//
// # Run ID
//
// A UUID of version 7 with the start's milliseconds, and digits of a SHA-256 over the run's and the node's name where others have
// random ones: the same run is exported with the same IDs, however often.
package openlineage
