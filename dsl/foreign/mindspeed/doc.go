// Package mindspeed reads launch scripts of MindSpeed-LLM (ModelLink) and Megatron-LM.
//
//	shell.Script -> Jobs: the program of each command -> launch (its flags) -> a rule a program -> foreign.Job
//
// # launch
//
// One program and its flags. A rule takes the flags that mean something else than a parameter of the same name: paths
// that are joined to a file's name, switches that choose a word. All other flags go by their name, which is the stage's
// parameter or an alias of it.
//
// # Line
//
// The flags of one program that is always one stage, as `belay stage KIND` has them on its own command line (ProgramOf
// says which program that is). It goes through the same rules. Settings that are Usual are what the program does when
// nothing is said: a recipe writes them out, the command line keeps belay's default and says so.
//
// # Invariants
//
// Every flag becomes a setting or is left with a reason. Defaults of the reference that differ from belay's are written
// out, with a note.
//
// # Where to add things
//
// A flag that belay has no parameter for and why: reasons in flags.go. A flag with a meaning of its own: the rule of
// its program. A program: programs in program.go.
package mindspeed
