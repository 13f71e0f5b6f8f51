// Package artifact says what flows between stages: kinds, ports, content digests and manifests.
//
//	path -> Walk -> entries -> HashEntries (asks the stat cache first) -> Tree -> Digest
//	Tree + what made it -> Manifest -> manifest.json
//
// # Kind and Port
//
// A Kind is the type of an artifact; a Port is a named output of a stage with a kind. A recipe that
// connects ports of kinds that do not agree is refused before anything runs.
//
// # Digest
//
// A file's digest is the SHA-256 of its bytes. A directory's is the SHA-256 of its canonical
// listing: entries sorted bytewise, each with mode class, name, size and digest. Times and owners do
// not count, so a touch changes nothing.
//
// # Manifest
//
// A Manifest lists a published artifact's files with sizes and digests and says what made it.
//
// # Where to add things
//
// A kind: its constant and its line in Accepts, when other kinds may stand in for it.
package artifact
