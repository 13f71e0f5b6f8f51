// Package slsa writes an in-toto Statement v1 about what a run made, with a SLSA provenance v1 predicate.
//
//	export.Source -> Statement: subjects (outputs), build definition (recipe, parameters, inputs), run details
//
// Subjects are the files of all outputs of stages that are done, each with its SHA-256. An output whose listing is gone
// stands as one subject with belay's digest of the directory, under the algorithm belayTree1 that
// engine/artifact describes. Resolved dependencies are what came from outside the run: its recipe files and sources; of a
// statement about one stage, that stage's inputs. The statement is not signed: `cosign attest-blob` and the like take it as
// it is.
package slsa
