// Package schemas holds the generated JSON Schemas of recipes and of each stage's parameters.
//
//	stages' parameter structs -> dsl/schema -> `belay schema --write schemas` -> *.schema.json -> Files
//
// A test holds that they are up to date. Point an editor at recipe.schema.json to complete and check
// recipes while typing.
package schemas
