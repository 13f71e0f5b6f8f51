// Package key computes cache keys and tells why two of them differ.
//
//	stage, version, parameters, input digests, environment, backend -> Parts -> Key
//
// # Parts
//
// Everything that can make a stage's result differ, taken apart: parameters by path with their values as
// canonical text (so 1e-5 and 0.00001 are one value, and the integer 1 is not the number 1.0), inputs by
// parameter path with the digest of their content, keyed environment variables, and the class of the compute
// backend where results depend on it. Parameters marked key:"no" and secrets are absent.
//
// Inputs enter by content, never by the key of what made them: an upstream stage that runs again and makes the
// same bytes stops the wave there (early cut-off).
//
// # Key
//
// The SHA-256 of the parts' canonical bytes. Names of stages, cells, recipes and paths, times, hosts, resources,
// retries and the program's version are not in it, so equal work is shared.
//
// # Change
//
// Diff compares the parts of two keys; the scheduler keeps the parts of each stage's last success for it.
package key
