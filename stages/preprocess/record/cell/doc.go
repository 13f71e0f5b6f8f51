// Package cell turns the values of columnar files into those of package ordjson, so that a row of a table
// is the same record as a line of JSON.
//
// # Values
//
//	texts, also as dictionary entries   string
//	integers, floats, decimals          ordjson.Number, a decimal with all its digits
//	dates, times, timestamps            string, ISO 8601: 2024-05-01, 12:30:00.5, 2024-05-01T12:30:00Z
//	lists                               []any
//	structs, and maps with text keys    *ordjson.Object
//	bytes                               string when they are UTF-8, else ordjson.Opaque
//
// Opaque values are no mistake by themselves: a column of images may stand beside the texts. Who asks for
// one as a text is told what it is.
package cell
