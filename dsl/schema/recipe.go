package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/param"
)

const draft = "https://json-schema.org/draft/2020-12/schema"

// RecipeName is the file name of the recipe's schema; StageName that of a stage kind's.
const RecipeName = "recipe.schema.json"

// StageName is the file name of a stage kind's schema.
func StageName(kind string) string { return "stage-" + kind + ".schema.json" }

// Files are all schemas by file name, as they are committed under schemas/.
// more are schemas of files that are no part of a recipe.
func Files(stages []engine.Stage, more ...map[string][]byte) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, m := range more {
		maps.Copy(out, m)
	}
	b, err := Recipe(stages)
	if err != nil {
		return nil, err
	}
	out[RecipeName] = b
	if out[WorkspaceName], err = Workspace(); err != nil {
		return nil, err
	}
	for _, s := range stages {
		name := s.Describe().Name
		if out[StageName(name)], err = Stage(s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Stage is the schema of one stage kind's parameters.
func Stage(stage engine.Stage) ([]byte, error) {
	spec := stage.Describe()
	schema, err := param.Of(spec.Params)
	if err != nil {
		return nil, fmt.Errorf("schema of stage %s: %w", spec.Name, err)
	}
	s := form{recipe: true}.properties(schema.Fields, true)
	s["$schema"] = draft
	s["title"] = spec.Name
	if spec.Doc != "" {
		s["description"] = spec.Doc
	}
	s["$defs"] = object{"expression": expressionDef()}
	return encode(s)
}

// Recipe is the schema of recipes whose stages are of the given kinds.
func Recipe(stages []engine.Stage) ([]byte, error) {
	defs := object{"expression": expressionDef(), "parameter": parameter()}
	var kinds []string
	var byKind, strict []any
	for _, st := range stages {
		spec := st.Describe()
		schema, err := param.Of(spec.Params)
		if err != nil {
			return nil, fmt.Errorf("schema of stage %s: %w", spec.Name, err)
		}
		with := form{recipe: true}.properties(schema.Fields, false)
		if spec.Doc != "" {
			with["description"] = spec.Doc
		}
		defs["with-"+spec.Name] = with
		kinds = append(kinds, spec.Name)
		uses := object{"properties": object{"uses": object{"const": spec.Name}}, "required": []string{"uses"}}
		ref := object{"$ref": "#/$defs/with-" + spec.Name}
		byKind = append(byKind, object{"if": uses, "then": object{"properties": object{"with": ref}}})
		if must := requirements(schema.Fields); len(must) > 0 {
			strict = append(strict, object{"if": uses, "then": object{
				"required": []string{"with"}, "properties": object{"with": object{"allOf": must}},
			}})
		}
	}
	defs["stage"] = stage(kinds, byKind)
	complete := object{"required": []string{"uses"}}
	if len(strict) > 0 {
		complete["allOf"] = strict
	}
	root := object{
		"$schema": draft, "title": "belay recipe", "type": "object", "additionalProperties": false,
		"properties": object{
			"belay":    object{"const": ast.Version, "description": "language version"},
			"name":     nullable(object{"type": "string", "pattern": `^[A-Za-z0-9_][A-Za-z0-9_.-]*$`, "description": "names the run and its outputs"}),
			"doc":      nullable(object{"type": "string"}),
			"extends":  object{"anyOf": []any{object{"type": "string"}, object{"type": "array", "items": object{"type": "string"}}}, "description": "recipes to build on: maps merge, lists replace, key+ appends, !unset removes"},
			"model":    object{"type": []string{"string", "object", "null"}, "description": "registry name, or a map such as {family: llama, num_layers: 4}"},
			"params":   object{"type": []string{"object", "null"}, "propertyNames": identifier(nil), "additionalProperties": object{"$ref": "#/$defs/parameter"}, "description": "what a caller may set with -p name=value"},
			"parallel": layoutBlock(),
			"env":      object{"anyOf": []any{object{"type": "array", "items": object{"type": "string"}, "uniqueItems": true}, object{"type": "object", "additionalProperties": object{"type": []string{"string", "number", "boolean", "null"}}}, object{"type": "null"}}, "description": "environment variables that expressions may read"},
			"stages":   object{"type": "object", "minProperties": 1, "propertyNames": identifier(ast.Reserved()), "additionalProperties": object{"$ref": "#/$defs/stage"}},
			"outputs":  object{"type": []string{"object", "null"}, "propertyNames": object{"pattern": `^[A-Za-z0-9_][A-Za-z0-9_.-]*$`}, "additionalProperties": object{"$ref": "#/$defs/expression"}, "description": "artifacts to link under out/"},
		},
		"patternProperties": object{`.\+$`: object{"type": "array"}},
		"if":                object{"not": object{"required": []string{"extends"}}},
		"then": object{
			"required":   []string{"belay", "stages"},
			"properties": object{"stages": object{"additionalProperties": complete}},
		},
		"$defs": defs,
	}
	return encode(root)
}

func nullable(s object) object {
	s["type"] = []string{s["type"].(string), "null"}
	return s
}

func identifier(reserved []string) object {
	s := object{"pattern": `^[A-Za-z_][A-Za-z0-9_]*$`}
	if len(reserved) > 0 {
		s["not"] = object{"enum": reserved}
	}
	return s
}

// parameter is a parameter's short form, a default, or its long form. A map is a long form when it has a type or a
// default.
func parameter() object {
	number := object{"type": "number"}
	long := object{
		"type": "object", "additionalProperties": false,
		"properties": object{
			"type":    object{"enum": ast.ParamTypes()},
			"default": object{}, "min": number, "max": number,
			"enum": object{"type": "array"}, "kind": object{"enum": artifact.Kinds(), "description": "of artifacts"}, "doc": object{"type": "string"},
		},
	}
	return object{
		"if": object{
			"type":  "object",
			"anyOf": []any{object{"required": []string{"type"}}, object{"required": []string{"default"}}},
		},
		"then": long,
		"else": object{"not": object{"type": "null"}},
	}
}

func layoutBlock() object {
	s := orNull(form{recipe: true}.properties(compile.LayoutSchema().Fields, false))
	s["description"] = "layout for every stage that takes one"
	return s
}

func stage(kinds []string, byKind []any) object {
	scalarOr := func(s object) object { return object{"anyOf": []any{s, expression(), object{"type": "null"}}} }
	zip := object{"type": "object", "minProperties": 1, "propertyNames": identifier(nil), "additionalProperties": object{"anyOf": []any{object{"type": "array", "minItems": 1}, expression()}}, "description": "axes that go side by side"}
	maps := object{"type": "array", "items": object{"type": "object", "minProperties": 1}}
	oneOrMore := func(s object, key string, one object) {
		props, _ := s["properties"].(object)
		old, _ := props[key].(object)
		more := object{"anyOf": []any{one, object{"anyOf": old["anyOf"]}}}
		if old["anyOf"] == nil {
			more = object{"anyOf": []any{one, object{"type": old["type"]}}}
		}
		if doc, given := old["description"]; given {
			more["description"] = doc
		}
		props[key] = more
	}
	retry := form{recipe: true}.properties(compile.RetrySchema().Fields, true)
	oneOrMore(retry, "on", object{"enum": fault.Classes()})
	resources := form{recipe: true}.properties(compile.ResourcesSchema().Fields, true)
	oneOrMore(resources, "mutex", object{"type": "string"})
	oneOrMore(resources, "memory", object{"type": "integer", "minimum": 1})
	s := object{
		"type": "object", "additionalProperties": false,
		"properties": object{
			"uses":      object{"anyOf": []any{object{"enum": kinds}, object{"type": "string", "pattern": `^\.{0,2}/|\.ya?ml$`}}, "description": "the stage kind, or the path of a recipe"},
			"with":      object{"type": []string{"object", "null"}, "description": "its parameters"},
			"when":      object{"type": []string{"boolean", "string", "null"}, "description": "a condition over params, matrix, model, parallel and env, and over the numbers of earlier stages: evaluate.metrics.acc > 0.4"},
			"matrix":    object{"anyOf": []any{expression(), object{"type": "null"}, object{"type": "object", "minProperties": 1, "properties": object{"zip": zip, "include": maps, "exclude": maps}, "additionalProperties": object{"anyOf": []any{object{"type": "array", "minItems": 1}, expression()}}}}, "description": "axes whose every combination is an instance; ${stage.matrix} takes over another's"},
			"needs":     object{"anyOf": []any{object{"type": "string"}, object{"type": "array", "items": object{"type": "string"}}, object{"type": "null"}}, "description": "stages to wait for without reading them"},
			"on":        object{"type": []string{"string", "null"}, "description": "the target it runs on"},
			"retries":   object{"anyOf": []any{object{"type": "integer", "minimum": 0, "maximum": 100}, retry, expression(), object{"type": "null"}}, "description": "further attempts after a failure"},
			"timeout":   object{"type": []string{"string", "null"}, "description": "90s, 30m, 2h30m"},
			"cache":     scalarOr(object{"type": "boolean"}),
			"doc":       object{"type": []string{"string", "null"}},
			"resources": object{"anyOf": []any{resources, expression(), object{"type": "null"}}, "description": "what it claims while it runs"},
		},
		"patternProperties": object{`.\+$`: object{"type": "array"}},
	}
	if len(byKind) > 0 {
		s["allOf"] = byKind
	}
	return s
}

func encode(s object) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
