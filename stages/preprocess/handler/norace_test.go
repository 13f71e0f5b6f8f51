//go:build !race

package handler_test

// raced says that the race detector runs, under which pools forget at random.
const raced = false
