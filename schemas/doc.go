// Package schemas holds the generated JSON Schemas of recipes, of each stage's parameters and of model
// family files.
//
//	stages' parameter structs -> dsl/schema -> `belay schema --write schemas` -> *.schema.json -> Files
//
// A test holds that they are up to date. Point an editor at recipe.schema.json to complete and check
// recipes while typing.
package schemas
