package schemas

import "embed"

// Files are the schemas: recipe.schema.json, stage-KIND.schema.json for each stage kind, and
// family.schema.json.
//
//go:embed *.schema.json
var Files embed.FS
