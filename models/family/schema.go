package family

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// SchemaName is the file name of the family files' JSON Schema.
const SchemaName = "family.schema.json"

// Schema is the JSON Schema of a family file, for editors. transforms are the names that rules may use.
func Schema(transforms []string) ([]byte, error) {
	s := schemaOf(reflect.TypeFor[Family]())
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "belay model family"
	s["required"] = []string{"family"}
	rules := s["properties"].(map[string]any)["mcore"].(map[string]any)["properties"].(map[string]any)["rules"].(map[string]any)
	by := rules["items"].(map[string]any)["properties"].(map[string]any)["by"].(map[string]any)
	by["examples"] = transforms
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(s)
	return b.Bytes(), err
}

func schemaOf(t reflect.Type) map[string]any {
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		list := map[string]any{"type": "array", "items": schemaOf(t.Elem())}
		if t == reflect.TypeFor[Matches]() {
			return map[string]any{"oneOf": []any{schemaOf(t.Elem()), list}}
		}
		return list
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Struct:
		return objectOf(t)
	}
	return map[string]any{}
}

func objectOf(t reflect.Type) map[string]any {
	properties := map[string]any{}
	var required []string
	for i := range t.NumField() {
		field := t.Field(i)
		name := field.Tag.Get("yaml")
		if name == "" {
			continue
		}
		p := schemaOf(field.Type)
		p["description"] = field.Tag.Get("doc")
		if enum := field.Tag.Get("enum"); enum != "" {
			into := p
			if field.Type.Kind() == reflect.Map {
				into = p["additionalProperties"].(map[string]any)
				p["propertyNames"] = map[string]any{"enum": blockFeatures}
			}
			into["enum"] = strings.Split(enum, ",")
		}
		if field.Tag.Get("required") != "" {
			required = append(required, name)
		}
		properties[name] = p
	}
	out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if required != nil {
		out["required"] = required
	}
	return out
}
