// Package arrowfile reads tables in the Arrow IPC formats, stream and file, a record batch at a time.
//
//	bytes -> Reader -> Batch -> Row -> *ordjson.Object (see package cell for its values)
//
// The file format is read as the stream that it holds: so it may come out of a decompressor, and a file
// that was cut short is noticed by the end that is missing. Dictionaries must stand before the batches that
// need them, as every writer puts them.
//
// # Bounds
//
// A batch is checked before anything of it is handed out. No message may claim more bytes than the file has,
// and the buffers of one batch may not unpack to more than a bound that depends on the file's size. The library
// stays behind this package, and panics of it end here as errors.
//
// # Where to add things
//
// A type of values: its case in column.go, and its form in package cell.
package arrowfile
