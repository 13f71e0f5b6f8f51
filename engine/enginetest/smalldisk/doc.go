// Package smalldisk gives tests disks that are small, full or read-only. It stands apart from enginetest so that the
// store's own tests can use it.
//
//	Mount -> a folder that is a disk of its own -> Fill, ReadOnly
package smalldisk
