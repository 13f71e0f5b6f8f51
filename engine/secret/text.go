package secret

import (
	"fmt"
	"slices"
	"strings"
)

// Text is text with secrets in it. It prints with their names: "Bearer ${secret.TOKEN}".
type Text struct {
	Parts []Part
}

// Part is plain text, or a secret by name.
type Part struct {
	Plain string
	Name  string // empty for plain text
	// Digest tells one value of the secret from another in cache keys (see Salted); empty where the value is no part of them.
	Digest string
}

// Named is the Text that is one secret and nothing else.
func Named(name string) Text { return Text{Parts: []Part{{Name: name}}} }

// String is the text with names for values, as a recipe writes it.
func (t Text) String() string {
	var b strings.Builder
	for _, p := range t.Parts {
		if p.Name == "" {
			b.WriteString(strings.ReplaceAll(p.Plain, "${", "$${"))
			continue
		}
		b.WriteString("${secret." + p.Name + "}")
	}
	return b.String()
}

// Keyed is the text as cache keys have it: String, with the digests of values where there are any.
func (t Text) Keyed() string {
	var b strings.Builder
	for _, p := range t.Parts {
		if p.Digest == "" {
			b.WriteString(Text{Parts: []Part{p}}.String())
			continue
		}
		b.WriteString("${secret." + p.Name + " " + p.Digest + "}")
	}
	return b.String()
}

// Salted is the text with the digest of every secret that digest gives one for.
func (t Text) Salted(digest func(name string) (string, error)) (Text, error) {
	out := Text{Parts: slices.Clone(t.Parts)}
	for i, p := range out.Parts {
		if p.Name == "" {
			continue
		}
		var err error
		if out.Parts[i].Digest, err = digest(p.Name); err != nil {
			return Text{}, err
		}
	}
	return out, nil
}

// Names are the secrets in the text, in order, once each.
func (t Text) Names() []string {
	var names []string
	for _, p := range t.Parts {
		if p.Name != "" && !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// Lookup finds the value of a secret by its name.
type Lookup func(name string) (value string, err error)

// Reveal is the text with values. values are those that went in.
func (t Text) Reveal(find Lookup) (text string, values []string, err error) {
	var b strings.Builder
	for _, p := range t.Parts {
		if p.Name == "" {
			b.WriteString(p.Plain)
			continue
		}
		v, err := find(p.Name)
		if err != nil {
			return "", nil, fmt.Errorf("read secret %s: %w", p.Name, err)
		}
		values = append(values, v)
		b.WriteString(v)
	}
	return b.String(), values, nil
}
