package schema

import (
	"fmt"

	"github.com/belay-ml/belay/dsl/workspace"
)

// WorkspaceName is the file name of the workspace file's schema.
const WorkspaceName = "workspace.schema.json"

// Workspace is the schema of belay.yaml.
func Workspace() ([]byte, error) {
	fields, err := workspace.Schema()
	if err != nil {
		return nil, fmt.Errorf("schema of the workspace file: %w", err)
	}
	s := form{}.properties(fields.Fields, true)
	s["$schema"] = draft
	s["title"] = "belay workspace"
	s["description"] = "the file " + workspace.Name
	s["type"] = []string{"object", "null"}
	oneSource(s)
	return encode(s)
}

// oneSource says what tags cannot: a secret comes from exactly one place, and has a name for expressions.
func oneSource(s object) {
	props, _ := s["properties"].(object)
	secrets, _ := props["secrets"].(object)
	one, _ := secrets["additionalProperties"].(object)
	var from []any
	for _, f := range []string{"env", "file", "command"} {
		from = append(from, object{"required": []string{f}, "properties": object{f: object{"type": "string", "minLength": 1}}})
	}
	one["oneOf"] = from
	secrets["propertyNames"] = identifier(nil)
}
