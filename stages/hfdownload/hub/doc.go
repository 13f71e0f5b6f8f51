// Package hub serves a folder by the protocol of the Hugging Face hub: enough of it for hf-download,
// and for the Python package huggingface_hub, to list and fetch repositories.
//
//	folder -> snapshot (files, digests, commit) -> revision, tree, resolve, cdn
//
// # Layout
//
// models/ORG/NAME/... and datasets/ORG/NAME/... below the root. Every repository has one branch, main.
//
// # Snapshot
//
// The state of a repository when its branch was asked for: each file with its size and digest, and a
// commit, the SHA-1 of the sorted list of paths, sizes and digests. The same content has the same
// commit anywhere, and a changed file makes a new one. A commit can be asked for as long as
// the server lives.
//
// # Large files
//
// Weights and files of a megabyte or more are presented as the hub presents files in LFS: SHA-256 in
// the tree, X-Linked-Etag and X-Linked-Size, and a redirect to /cdn/COMMIT/SHA256. Small files come directly,
// with their git blob SHA-1 as ETag. Both know Range and If-Range.
package hub
