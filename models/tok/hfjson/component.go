package hfjson

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// component is one part of tokenizer.json with a type, as it stands in the file.
type component struct {
	kind string // normalizer, pre_tokenizer, post_processor or decoder
	Type string
	raw  json.RawMessage
}

// parseComponent reads the type of a part; nil for null.
func parseComponent(kind string, raw json.RawMessage) (*component, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	c := component{kind: kind, raw: raw}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("read %s: %w", kind, err)
	}
	if c.Type == "" {
		return nil, fmt.Errorf("read %s: it has no type", kind)
	}
	return &c, nil
}

// options decodes the part into v, which must name every option of it.
func (c *component) options(v any) error {
	d := json.NewDecoder(bytes.NewReader(c.raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("read %s %s: %w", c.kind, c.Type, err)
	}
	return nil
}

func (c *component) unsupported() error {
	return fmt.Errorf("%s of type %q is not supported", c.kind, c.Type)
}

func (c *component) errorf(format string, args ...any) error {
	return fmt.Errorf("%s %s: %w", c.kind, c.Type, fmt.Errorf(format, args...))
}

// parts flattens a Sequence, whose members stand under name, into parts that are none.
func parts(kind, name string, raw json.RawMessage) ([]*component, error) {
	c, err := parseComponent(kind, raw)
	if err != nil || c == nil {
		return nil, err
	}
	if c.Type != "Sequence" {
		return []*component{c}, nil
	}
	var members map[string]json.RawMessage
	if err := c.options(&members); err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(members[name], &list); err != nil {
		return nil, c.errorf("read %s: %w", name, err)
	}
	var all []*component
	for _, raw := range list {
		inner, err := parts(kind, name, raw)
		if err != nil {
			return nil, err
		}
		all = append(all, inner...)
	}
	return all, nil
}

// typed is the field that every part has.
type typed struct {
	Type string `json:"type"`
}

// pattern is a literal or a regular expression.
type pattern struct {
	String *string
	Regex  *string
}
