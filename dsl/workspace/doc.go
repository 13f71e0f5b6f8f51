// Package workspace reads belay.yaml, the file that marks a workspace and says what its recipes share.
//
//	path -> ast.Parse -> param.Schema of File -> Normalize, placed diagnostics -> File
//
// # File
//
// Where results are shared (remote), where secrets come from, who is told about runs (hooks), how long results
// are kept (gc), and what the machine has to hand out (resources). Everything has a default: an empty file is a
// workspace. Paths in it are relative to it.
//
// # Invariants
//
// The file is read the way recipes are: unknown keys, wrong types and values out of bounds are all reported with their
// place. It takes no expressions.
//
// # Where to add things
//
// A setting is a field of its section's struct; the checks, the JSON Schema and the help come from its tags.
package workspace
