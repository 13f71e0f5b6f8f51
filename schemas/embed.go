// Package schemas holds the generated JSON Schemas of recipes and of each stage's parameters. They are written by
// package dsl/schema from the Go parameter structs; a test holds that they are up to date.
//
// Point an editor at recipe.schema.json to complete and check recipes while typing.
package schemas

import "embed"

// Files are the schemas: recipe.schema.json, and stage-KIND.schema.json for each stage kind.
//
//go:embed *.schema.json
var Files embed.FS
