// Package ast is the tree of a recipe. Text is parsed to Nodes, which know where they were written; files
// are merged through `extends` as Nodes; the merged tree decodes itself into a Recipe.
//
//	bytes -> Parse -> Node -> Load (extends, overrides) -> Node -> Decode -> Recipe
//
// # Node
//
// A YAML value with the YAML 1.2 core meaning of scalars (yes, on and dates are text; 0o17 is an integer),
// its kind, and its span in the file it came from. Nodes are not changed once made: merging makes new
// maps around old values, which is how a value remembers its own file.
//
// # Recipe
//
// What the language's keys mean, with everything that needs evaluation still a Node.
//
// # Invariants
//
// File size, structural signs, nodes (aliases expanded), depth and the number of extended files are bounded
// before memory is spent on them. Duplicate keys, merge keys, unknown tags and second documents are errors.
//
// # Where to add things
//
// A new key of a stage: the field in stage.go and its name in StageKeys; then package check gives it meaning, and lsp
// its text.
package ast
