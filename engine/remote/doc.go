// Package remote shares results between the workspaces of a team, through a folder, one that ssh reaches, an S3
// bucket or a web server.
//
//	Push: record -> blobs that the bucket lacks, small ones packed -> then the result under its key, first writer wins
//	Pull: key -> result -> checked -> store.Import <- blobs that this store lacks, checked
//
// # Layout
//
//	v1/ac/<key>       a result: the manifest of what the key made, and how its small files are packed; written last
//	v1/cas/<sha256>   bytes by their digest: a file, or a pack of small ones
//
// These are the paths of the HTTP cache protocol that Bazel's servers speak, and the same for every kind of bucket: a
// folder that was filled through file:// can be served by any web server. (bazel-remote checks the entries of ac/ by
// default: start it with --disable_http_ac_validation.)
//
// # Bucket
//
// Four calls on exact names, which dir, sftp, s3 and web implement. Nothing ever lists a remote: whether a blob is there is
// a HEAD of its name.
//
// # Client
//
// Pull and Push with errors. Transfers run side by side, are tried again where that may help, and a download goes on
// where it broke off, also in a later process. An object that proves wrong is remembered, and written anew by the next
// push of the same result.
//
// # Share
//
// The remote as a run uses it: it never fails a run. Trouble is a warning, once, and a remote that cannot be reached is
// left alone for the rest of the run.
//
// # Invariants
//
// A remote is not believed. A result counts when its key, the key's parts and its manifest agree; a blob when its
// bytes have its digest. Nothing of it is visible in the store before that. Bytes that leave are checked too: local
// damage is not shared.
//
// # Packs
//
// Files below 256 KiB travel together, so 20,000 small files are a handful of objects. What a pack holds follows from the
// manifest: the members in order of their digests, one after the other. There is no index that could be wrong.
//
// # Where to add things
//
// A kind of bucket: a sub package with a Bucket that passes remotetest.Bucket, and its scheme in Address.
package remote
