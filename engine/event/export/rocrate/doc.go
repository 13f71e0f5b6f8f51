// Package rocrate writes a run as an RO-Crate: a folder that describes itself in ro-crate-metadata.json.
//
//	export.Source -> Crate: entities and files -> folder or .zip
//
// It follows RO-Crate 1.1 and the profiles Workflow RO-Crate 1.0, Process, Workflow and Provenance Run Crate 0.5.
//
// # Entities
//
// The recipe is the main workflow, each stage a step of it, each stage kind in its version a tool with its parameters. What
// happened are actions: one for the recipe, one for every instance that ran, and those that control and organise them.
// A fresh instance has the action that made its outputs, with the times of then. Instances that were never reached have
// none. Parameters that somebody wrote stand with their values; defaults are in run.json.
//
// # Files
//
// The recipe's files, report.html, run.json, metrics.json and a README.md are in it. Outputs are referred to by their digests
// (ni:///sha-256;..., RFC 6920), unless Options.Outputs copies them. An output of many files lists the first MaxListed. What
// belay calls the digest of a directory is that of its listing, as engine/artifact has it.
//
// # Proof
//
// The tests check what the profiles ask for by themselves; BELAY_ROCRATE_VALIDATOR may name a command that is given a
// crate's folder and fails when it is wrong, such as a wrapper of roc-validator, which fetches contexts.
package rocrate
