// Package mapped gives read-only byte ranges of a large file.
//
//	path -> Open -> File -> Range(offset, length)
//
// # File
//
// A File is a memory map where the system has one, so that a range costs no copy and the page cache
// holds the data once for every process; elsewhere, and for files that cannot be mapped, a range is
// read into a fresh slice. Ranges of a map are valid until Close.
package mapped
