// Package rowexpr filters records and makes columns by expressions over their columns.
//
//	texts -> Compile (names, types) -> Rows -> Apply to a record -> kept or not, with the columns made
//
// # Columns
//
// A name in an expression is a column: len(output) > 10 and lang == 'en'. row['a b'] is one whose name is no word, and
// row is the whole record as a map. A column that a record lacks is nil, as one that is null; lang ?? 'en' gives it a
// value. Numbers are int or float, objects are maps.
//
// Records pass filter first. What is made sees the columns as they were read, and the order of what is made does not
// matter. A column that is given another name only (text: body) keeps its value as it is.
//
// # Invariants
//
// The functions and bounds are those of package formula. An expression that fails on a record is a mistake of that
// record, with the place in both.
//
// # Where to add things
//
// A function: package formula, so that recipes have it too. A type of values: value.go.
package rowexpr
