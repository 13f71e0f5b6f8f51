// Package schema writes JSON Schemas (draft 2020-12) of recipes and of each stage's parameters, so that editors
// complete and check while typing.
//
//	[]engine.Stage -> param.Schema -> Stage (one stage's `with`) | Recipe (the language, `with` by `uses`) -> Files -> Write
//	workspace.File -> Workspace (belay.yaml) -> Files
//
// # Invariants
//
// Whatever the checker accepts, the schema accepts. The schema rejects what can be seen without evaluating:
// unknown keys, wrong types of literals, bounds, enums, missing required parameters. A recipe with `extends`
// may leave anything out, since the file below may have it.
//
// # Where to add things
//
// A key of the language is added in recipe.go beside package ast; a parameter type in field.go.
package schema
