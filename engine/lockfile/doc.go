// Package lockfile reads and writes belay.lock, the file that pins what the recipes of a workspace name loosely.
//
//	belay.lock -> Parse -> File -> Find (in sched: a revision's commit, a source's digest) ... Set -> Format -> belay.lock
//
// # Entry
//
// One line, complete in itself, with an empty line after it:
//
//	belay lock 1
//
//	dir corpus/raw = sha256:1f0c...
//
//	file data/alpaca.jsonl = sha256:9b2e...
//
//	hub model Qwen/Qwen2-7B main = commit:453ed1...
//
// A kind, words that name one thing of that kind, and its value. Paths are relative to the workspace, with slashes; one
// that the recipe wrote as absolute and that lies outside stays so. Words with spaces or quotes in them are
// written in double quotes, as in Go. Lines that begin with # say nothing.
//
// # Merging
//
// Entries are sorted and hold no times, sizes or hosts, so equal workspaces have equal files. The empty lines let two branches
// change neighbouring entries; entries that two branches add in the same place are git's only conflict, which
// `belay.lock merge=union` in .gitattributes settles, because every line stands for itself and the order does not
// matter to Parse. One thing with two values is an error, never a choice.
//
// # Invariants
//
// Format of what Parse read is the same text for the same entries. Parse is bounded in bytes, line length and words.
//
// # Where to add things
//
// Something else that floats is a kind in the table of kinds, with the form of its value, and an engine.Pinner that names it.
package lockfile
