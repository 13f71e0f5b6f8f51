package spm

import "unsafe"

// view is b as a string without a copy, for the time of one call in which b does not change.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
