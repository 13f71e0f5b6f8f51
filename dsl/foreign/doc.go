// Package foreign makes a recipe of what other systems' files say: launch scripts, training configurations.
//
//	file -> mindspeed.Jobs | llamafactory.Jobs -> []Job -> Build: type -> join -> lift -> order -> write -> Result
//
// # Job and Setting
//
// A Job is one run of a program there and one stage here, with its settings under the names they have there. Names and
// values meet the stage's own schema: its parameters, their aliases, types and bounds. There is no second table of what
// a stage takes.
//
// # Left
//
// Something of the source that the recipe does not have, where it stands and why. It is in the result and in a comment
// at its stage.
//
// # Joining
//
// A stage that reads a path which another one writes reads that stage's port. Paths that nobody writes become parameters of
// the recipe; one path is one parameter. Those that are not there, or not known, have no default: a caller gives them.
//
// # Invariants
//
// Every setting ends in the recipe or among what is left. The recipe depends on the jobs and on which paths exist, and on nothing
// else. Texts from outside are written as literals: no ${ of theirs becomes an expression.
//
// # Where to add things
//
// A flag of MindSpeed-LLM: tables in mindspeed/flags.go, only when its name is neither a parameter nor an alias of the
// stage. A key of LLaMA-Factory: llamafactory/keys.go. Another system: a package beside those that returns Jobs, and a
// case in cmd/belay/import.go.
package foreign
