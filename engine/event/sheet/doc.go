// Package sheet sets the results of stage instances into one table: a row a cell of the matrix, a column a metric.
//
//	record.Run... -> Of -> Sheet: axes, metrics, rows -> Sort, Best
//
// # Sheet
//
// Stages with the same axes share a sheet, so the loss of a training cell and the score of the model it made stand in
// one row; their metrics are then called STAGE.METRIC. Stages without a matrix share a sheet with a row a run. Several
// runs have a row a cell and run.
//
// # Metric
//
// A headline number. A stage that has none shows where its curves ended. Any curve can be asked for by name: its
// last value is the result. LessIsBetter and Compared know by a metric's name which values are the better ones; to teach
// them a name, extend the lists there.
package sheet
