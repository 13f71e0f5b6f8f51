package schemas

import "embed"

// Files are the schemas: recipe.schema.json, and stage-KIND.schema.json for each stage kind.
//
//go:embed *.schema.json
var Files embed.FS
