// Package command is the stage command: any program, with declared inputs and outputs, as part of a
// recipe.
//
//	run, inputs, env -> sh -c in a private folder -> files below $OUT -> ports
//
// # What a command sees
//
// Each input as an environment variable that holds its path, the variables of `env` and of the
// recipe, PATH, TMPDIR, and OUT, the folder that outputs must be written below. Nothing else is
// inherited, so a result cannot depend on what happened to be set. The current directory is
// private and thrown away. Scripts that a command reads belong into `inputs`: then they are digested, and
// a change in them makes the stage stale.
//
// # What it must do
//
// Exit with status 0 and leave every declared output below $OUT, as files and folders or links that
// stay inside. Its standard output and error become log lines.
//
// # How it ends
//
// The command and all that it started are one process group. A cancelled run asks the group to
// end (SIGTERM) and kills it a second later; processes left behind by a command that has
// ended are killed too, and so is the whole group when belay itself is killed. An exit status other than 0 is an error of
// the class compute, for retry policies: a recipe that wants a command tried again says `on: [compute]`.
package command
