package schema

import (
	"github.com/belay-ml/belay/engine/param"
)

// object is a JSON object; encoding/json writes its keys sorted, which keeps the files stable.
type object = map[string]any

func expression() object { return object{"$ref": "#/$defs/expression"} }

// expressionDef is text that holds an expression and so may become anything.
func expressionDef() object {
	return object{
		"type": "string", "pattern": `\$\{`,
		"description": "an expression such as ${params.lr}",
	}
}

// form is how values are written: in recipes expressions may stand for most of them, and key+ for a longer list.
type form struct{ recipe bool }

// field is the schema of one parameter. top fields that are not required may be null, which means not given.
func (m form) field(f *param.Field) object {
	s := m.value(f)
	if !f.Required {
		s = orNull(s)
	}
	if f.Doc != "" {
		s["description"] = f.Doc
	}
	if f.Default != nil && f.Type != param.Object && f.Class != param.Secret {
		s["default"] = f.Default
	}
	return s
}

func orNull(s object) object {
	if any, ok := s["anyOf"].([]any); ok {
		s["anyOf"] = append(any, object{"type": "null"})
		return s
	}
	if t, ok := s["type"].(string); ok && s["enum"] == nil {
		s["type"] = []any{t, "null"}
		return s
	}
	if len(s) == 0 {
		return s
	}
	return object{"anyOf": []any{s, object{"type": "null"}}}
}

// value is the schema of a value of a field's type, or of an expression for it.
func (m form) value(f *param.Field) object {
	or := func(s object) object {
		if !m.recipe {
			return s
		}
		return object{"anyOf": []any{s, expression()}}
	}
	bounded := func(t string) object {
		s := object{"type": t}
		if f.Min != nil {
			s["minimum"] = *f.Min
		}
		if f.Max != nil {
			s["maximum"] = *f.Max
		}
		return s
	}
	path := object{"type": "string", "minLength": 1}
	switch f.Type {
	case param.String:
		if len(f.Enum) > 0 {
			return or(object{"enum": f.Enum})
		}
		return object{"type": "string"}
	case param.Int:
		return or(bounded("integer"))
	case param.Float:
		return or(bounded("number"))
	case param.Bool:
		return or(object{"type": "boolean"})
	case param.List:
		return or(object{"type": "array", "items": m.value(f.Elem)})
	case param.Map:
		return or(object{"type": "object", "additionalProperties": m.value(f.Elem)})
	case param.Object:
		return or(m.properties(f.Fields, true))
	case param.Input:
		return path
	case param.Inputs:
		return object{"anyOf": []any{path, object{"type": "array", "items": path}}}
	case param.InputMap:
		return or(object{"type": "object", "additionalProperties": orNull(path)})
	}
	return object{}
}

// properties is the schema of a map with the given fields, their aliases included.
func (m form) properties(fields []param.Field, required bool) object {
	props := object{}
	for i := range fields {
		f := &fields[i]
		props[f.Name] = m.field(f)
		for _, alias := range f.Aliases {
			s := m.field(f)
			s["description"] = "another name of " + f.Name
			props[alias] = s
		}
		if f.Type != param.Object {
			continue
		}
		// Aliases of inner fields may stand beside the object: tensor_model_parallel_size for parallel.tp.
		for j := range f.Fields {
			for _, alias := range f.Fields[j].Aliases {
				if _, taken := props[alias]; !taken {
					s := m.field(&f.Fields[j])
					s["description"] = "another name of " + f.Name + "." + f.Fields[j].Name
					props[alias] = s
				}
			}
		}
	}
	s := object{"type": "object", "properties": props, "additionalProperties": false}
	if m.recipe {
		s["patternProperties"] = object{`.\+$`: object{"type": "array"}} // key+ appends to a list of an extended recipe
	}
	if must := requirements(fields); required && len(must) > 0 {
		s["allOf"] = must
	}
	return s
}

// requirements is one schema for each required field: it or an alias must be there.
func requirements(fields []param.Field) []any {
	var must []any
	for _, f := range fields {
		if !f.Required || layout(f.Name) {
			continue
		}
		either := []any{object{"required": []string{f.Name}}}
		for _, alias := range f.Aliases {
			either = append(either, object{"required": []string{alias}})
		}
		if len(either) == 1 {
			must = append(must, either[0])
		} else {
			must = append(must, object{"anyOf": either})
		}
	}
	return must
}

// layout says whether the recipe's `parallel` may give the field.
func layout(name string) bool {
	return name == "tp" || name == "pp" || name == "ep" || name == "vpp"
}
