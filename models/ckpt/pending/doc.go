// Package pending is a file of weights on its way: filled at any place, and under its name only when it is whole.
//
//	Create -> WriteAt, from many goroutines -> Close: sync, rename | Abort: gone
//
// The file lies hidden beside its final name. What is written starts on its way to the disk at once, while the next
// tensors are computed, so that the sync at the end finds little left to do.
package pending
