//go:build !amd64 || noasm

package kernel

// best is the plain Go set: this build has no assembly.
func best() *Set { return generic() }

// Pause lets a moment pass in a loop that waits.
func Pause() {}
