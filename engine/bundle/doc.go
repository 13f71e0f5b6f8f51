// Package bundle puts a recipe and its results into one file, and takes them out of it.
//
//	Writer: files of the workspace, remote.Push into Bucket -> index -> one file
//	file -> Read: entries and index agree? -> Check: every byte has its digest -> remote.Pull from Bucket, Place
//
// # Layout
//
// A zip archive (zip64 where it must be) whose entries are all stored as they are, so weights are neither packed in vain nor can a
// few bytes claim to be many. The first entry tells what the file is, the last is the index; between them lies a remote
// in its usual layout:
//
//	belay-bundle      the text of Magic
//	v1/ac/<key>       a result, as in package remote
//	v1/cas/<sha256>   bytes by their digest: a file of a result, a pack of small ones, or a file of the workspace
//	index.json        Index: which files go where, and which results there are
//
// # Invariants
//
// A bundle is not believed. Its entries are exactly those that its index and its results need, none twice, and they do not
// overlap: together they are no larger than the file. Nothing of it becomes visible before Check has seen every byte; what is
// taken out afterwards is checked again on its way. Paths of files are those of an artifact's listing, relative, clean
// and below the workspace, and never in .belay or .git. There are no secrets in it and no settings that run anything:
// of belay.yaml only the names of environment variables travel.
//
// Equal contents make equal bundles.
//
// # Where to add things
//
// Something else that a bundle says is a field of Index; a reader that does not know it refuses the bundle, so it needs
// another format number only when it changes what is there.
package bundle
