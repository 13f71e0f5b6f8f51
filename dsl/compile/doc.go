// Package compile is the front door of the language: from a recipe's path to the graph the engine runs.
//
//	path -> ast.Load -> Decode -> overrides -> check.Params, check.Order
//	     -> per stage, those it reads first: matrix -> cells -> per cell: when, with, Normalize, inputs, ports
//	     -> engine.Graph
//	a stage that uses a recipe: with -> its params -> the same again, under the stage's name -> its outputs are the ports
//
// # Rules worth knowing
//
// A reference ${sft.checkpoint} from a stage whose matrix has every axis of sft means the instance with the
// same values; from any other stage it is the list of all instances' ports. ${sft['seed=1'].checkpoint} is one.
//
// A path behind a reference, ${data.files}/train, is a file or folder inside the artifact. Its digest is that
// part's own: a change elsewhere in the artifact makes nothing stale.
//
// An instance whose `when` is false is off. Who reads a port of it is off too, with the reason. A list over
// a matrix leaves out the instances that are off; when all are, its reader is off. Only references that are
// evaluated count: the branch of ?: not taken does not.
//
// Paths in input fields are relative to the file they were written in, values of -p and --set to the working
// directory. A stage with the fields tp, pp, ep or vpp takes those that the recipe's `parallel` writes and its
// own `with` does not.
//
// # Gates
//
// A `when` may read the numbers of other stages, ${evaluate.metrics.acc > 0.4}: STAGE.PORT.NAME, where the port is of kind
// metrics; in a used recipe also params.NAME.acc of a parameter that is an artifact. It is tried without the numbers first:
// what is known already may decide it. Otherwise it becomes a gate of the node (engine.Gate), which comes after the stages
// that it reads. A number is a float; a name that its stage declares (artifact.Port.Metrics) is checked. With a matrix the rules for
// references hold: the number of the same cell, sft['seed=1'].metrics.loss of one, and of all a list: any(sft.metrics, .loss < 2).
// A `when` on a stage that uses a recipe is a gate of all its nodes.
//
// Numbers stand nowhere else: a parameter is part of a key, and keys are known before anything runs as far as digests are.
// `matrix` and settings are known before that. Lists over a matrix are lists of what is on when the recipe is compiled; those
// that gates switch off later are left out of input fields (engine.Output.Cell), while expressions have counted them.
//
// # Recipes that stages use
//
// `uses: ./other.yaml` is relative to the file it is written in. Each cell of the stage is one expansion, whose nodes are
// called prep[seed=1]/data[lang=en]. What the recipe takes is its `params`, given by `with`: plain values by type and
// bounds, and artifacts where the type is artifact (which takes a path too; a path parameter takes no artifact, for
// its value may stand in text). What it gives is its `outputs`; one that goes through a matrix inside is a list.
//
// `name`, `model`, `parallel`, `env` and secrets are the recipe's own: nothing of the caller's comes in but by `with`, and
// a secret does not come in at all. The stage's `retries`, `timeout`, `cache` and `resources` are what those stages
// inside have that do not say themselves; `when` switches all of them off, `needs` makes all wait. `--set` reaches
// `with`, not the stages inside. A recipe that uses itself, by whatever way, is refused.
//
// # Secrets
//
// ${secret.NAME} is a value in a stage's `with` and gives a secret.Text: a whole text or a part of one. It is checked
// that the secret can be had where the instance is on; the value is never read here.
//
// # Invariants
//
// Every mistake is reported once, with its place; a mistake does not cause others: what depends on it has an
// unknown type. Without errors, nodes come after the nodes they read.
package compile
