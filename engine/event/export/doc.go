// Package export is what all exports of a run share: the run without what should not leave the machine, the texts of its
// recipe, and what its outputs hold.
//
//	record.Run, workspace -> Clean -> Source -> rocrate, openlineage, slsa
//
// # Source
//
// A run to be exported. Its paths are relative to the workspace, a home directory is "~", and secrets have never been in
// it. Contents lists an output's files with their SHA-256; where the store no longer has the artifact, exports tell the
// digest of the whole alone.
//
// # Sub packages
//
// rocrate: a folder or archive by RO-Crate 1.1 and the Provenance Run Crate profile. openlineage: events, one a line.
// slsa: an in-toto statement with SLSA provenance. All of them write the same bytes for the same run. To add a format,
// write a package beside these that takes a Source, and list it in cmd/belay/export.go.
package export
