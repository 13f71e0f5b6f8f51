// Package store keeps artifacts and what made them in a workspace, below .belay/.
//
//	Scratch -> stage writes -> Publish: hash, fsync, read-only, rename -> key record -> Link
//	Import: manifest, blobs from elsewhere -> checked, built like an output -> the same steps as Publish
//	Lookup: key record -> every file as it was published? -> Record
//	Collect: census -> what pins, links, runs, last successes and days keep -> the rest into tmp/, then gone
//
// # Layout
//
//	artifacts/ab/<digest>/manifest.json   an artifact by the digest of its whole output ...
//	artifacts/ab/<digest>/files/          ... read-only
//	keys/ab/<key>.json                    the manifest of the result of a key, written last; its mtime is the last use
//	last/<recipe>/<node>.json             key parts of a stage instance's last success, for explain
//	trees/ab/<digest>.json                listings of source folders, for explain
//	work/<key>/                           scratch of a running stage; kept when it can be resumed
//	pull/<key>/                           blobs of a result that comes from a remote; kept for a week when broken off
//	locks/<key>                           held by the process that computes the key
//	locks/mutex-<name>                    held by the process whose stage holds a mutex
//	runs/<id>/                            one folder a run
//	tmp/<owner>/                          half-written files of a living process
//	pins/<name>.json                      results that a person wants kept
//	gc.lock                               see Collections
//	quarantine/                           damaged artifacts, for a person to look at
//	stat                                  the stat cache
//
// # Invariants
//
// A key record is visible only when its artifact is complete and on disk: killing belay anywhere leaves the old
// state or the new one, and rubbish below work/ and tmp/ that the next Open removes. No file holds an absolute
// path, so a workspace may be moved or renamed. Nothing below artifacts/ is ever changed, only added, removed
// or quarantined.
//
// # Locks
//
// A Lock is a kernel lock (flock) on locks/<key>: it ends with its process, so no crash leaves one behind. The file's
// text says who holds it, for messages only.
//
// # Collections
//
// Collect removes what nothing keeps. Finding a result touches its key record (once an hour at most), and whoever finds
// or publishes one shares the lock gc.lock for that moment, which Collect takes alone while it looks and moves things
// away. So a run either finds a result, and its use is seen, or finds it gone. What was used since an hour before the
// oldest living process began is never collected: a run may read for days what it found at its start. A process lives
// while it holds tmp/<owner>.lock, which is there before its first look. Key records go before their artifact.
//
// # Stat cache
//
// An unchanged file costs one stat: its digest is remembered under device, inode, size, mtime and ctime. A file
// that was written in the same clock tick in which it was hashed could change again and keep its times, so an
// entry is made only for a file whose times are older than the moment of hashing by a margin: two seconds for
// sources, which may lie on any file system; for published files, which only a deliberate chmod can change, a
// margin of one tick of the kernel's file clock. A lost or damaged cache costs time, never correctness.
package store
