// Package parquetfile reads tables in the Parquet format, a block of rows at a time.
//
//	file -> File -> row group -> a page of every column at a time -> Block -> Row -> *ordjson.Object
//
// # Nesting
//
// Parquet keeps the leaves of nested values as columns of their own, each value with two levels: how deep what it
// stands in is repeated, and how deep it is defined. A node is the schema's tree with those levels worked out; Row
// puts the values of one row together again. Lists and maps are recognised in their present and their older spellings.
// The values are those of package cell.
//
// # Bounds
//
// A page of each column is held at a time, and a block of about a mebibyte. Before the pages of a row group are read
// their headers are walked: none may claim more bytes than the file has, or unpack to more than a bound that depends
// on its size. The library stays behind this package, and panics of it end here as errors.
//
// # Where to add things
//
// A type of values: its case in leaf.go, and its form in package cell.
package parquetfile
