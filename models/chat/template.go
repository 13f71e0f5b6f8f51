package chat

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

//go:embed data/*.yaml
var data embed.FS

// Template says how a conversation is written for a model.
type Template struct {
	Name    string   `yaml:"-"`
	Doc     string   `yaml:"doc"`
	Aliases []string `yaml:"aliases"`

	Prefix      []Slot `yaml:"prefix"`      // before everything
	System      []Slot `yaml:"system"`      // {{content}}
	User        []Slot `yaml:"user"`        // {{content}}, {{idx}}: the round, from 0
	Assistant   []Slot `yaml:"assistant"`   // {{content}}
	Observation []Slot `yaml:"observation"` // {{content}}; as User when absent
	Function    []Slot `yaml:"function"`    // {{name}}, {{arguments}}
	Separator   []Slot `yaml:"separator"`   // before every round but the first

	DefaultSystem string   `yaml:"default_system"`
	StopWords     []string `yaml:"stop_words"`
	// ReplaceEOS makes the first stop word the eos token.
	ReplaceEOS bool `yaml:"replace_eos"`
	// EfficientEOS leaves eos out after answers: the next round's first id is labelled eos instead, and
	// one eos ends the conversation.
	EfficientEOS bool `yaml:"efficient_eos"`
	// SystemInUser puts the system text into the first user message instead of before it.
	SystemInUser bool `yaml:"system_in_user"`
	// Tools is how a list of tools is described: a name of toolFormats, or "none" for not at all.
	Tools string `yaml:"tools"`
	// RC3 holds the fields that the reference has otherwise, for Options.Compat.
	RC3 yaml.Node `yaml:"rc3"`

	rc3 *Template // with those fields; nil without any
}

// Slot is one separately tokenized piece. Exactly one field is set.
type Slot struct {
	Text    string
	Token   string
	Special string // "bos" or "eos"
}

// UnmarshalYAML reads a text, {token: NAME} or {special: bos}.
func (s *Slot) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&s.Text)
	}
	var m map[string]string
	if err := n.Decode(&m); err != nil {
		return err
	}
	s.Token, s.Special = m["token"], m["special"]
	if len(m) != 1 || (s.Token == "") == (s.Special == "") || s.Special != "" && s.Special != "bos" && s.Special != "eos" {
		return fmt.Errorf("line %d: a slot is a text, {token: NAME} or {special: bos} or {special: eos}", n.Line)
	}
	return nil
}

// Parse reads a template from YAML and checks it.
func Parse(name string, text []byte) (*Template, error) {
	t := &Template{Name: name}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(t); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read template %s: %w", name, err)
	}
	if t.RC3.Kind != 0 {
		other := *t
		inner, err := yaml.Marshal(&t.RC3)
		if err == nil {
			dec := yaml.NewDecoder(bytes.NewReader(inner)) // a node by itself is not read strictly
			dec.KnownFields(true)
			err = dec.Decode(&other)
		}
		if err != nil {
			return nil, fmt.Errorf("read template %s: rc3: %w", name, err)
		}
		t.rc3 = &other
	}
	for _, one := range []*Template{t, t.rc3} {
		if one == nil {
			continue
		}
		one.fill()
		if err := one.check(); err != nil {
			return nil, fmt.Errorf("read template %s: %w", name, err)
		}
	}
	return t, nil
}

// fill gives absent fields the values that the reference's registration gives them.
func (t *Template) fill() {
	content := Slot{Text: "{{content}}"}
	ends := func(slots ...Slot) []Slot {
		if t.EfficientEOS {
			return slots
		}
		return append(slots, Slot{Special: "eos"})
	}
	if t.User == nil {
		t.User = []Slot{content}
	}
	if t.Assistant == nil {
		t.Assistant = ends(content)
	}
	if t.System == nil {
		t.System = []Slot{content}
	}
	if t.Observation == nil {
		t.Observation = t.User
	}
	if t.Function == nil {
		t.Function = ends(Slot{Text: "Action: {{name}}\nAction Input: {{arguments}}"})
	}
	if t.Tools == "" {
		t.Tools = "default"
	}
}

func (t *Template) check() error {
	content := []string{"{{content}}"}
	for _, f := range []struct {
		name   string
		slots  []Slot
		must   []string
		others []string
	}{
		{"prefix", t.Prefix, nil, nil},
		{"separator", t.Separator, nil, nil},
		{"system", t.System, content, nil},
		{"user", t.User, content, []string{"{{idx}}"}},
		{"assistant", t.Assistant, content, nil},
		{"observation", t.Observation, content, []string{"{{idx}}"}},
		{"function", t.Function, []string{"{{name}}", "{{arguments}}"}, nil},
	} {
		for _, p := range placeholders {
			n := 0
			for _, s := range f.slots {
				n += strings.Count(s.Text, p)
			}
			switch {
			case slices.Contains(f.must, p):
				if n != 1 {
					return fmt.Errorf("%s: want %s once, have it %d times", f.name, p, n)
				}
			case n > 0 && !slices.Contains(f.others, p):
				return fmt.Errorf("%s: %s means nothing here", f.name, p)
			}
		}
	}
	if _, ok := toolFormats()[t.Tools]; !ok && t.Tools != "none" {
		return fmt.Errorf("tools: want default, chatglm3, glm4 or none, have %q", t.Tools)
	}
	if t.ReplaceEOS && len(t.StopWords) == 0 {
		return errors.New("replace_eos: stop_words is empty, so there is nothing to replace eos with")
	}
	if t.SystemInUser && (len(t.System) != 1 || t.System[0].Text == "") {
		return errors.New("system_in_user: want system to be one text")
	}
	return nil
}

// Names lists the built-in templates and their aliases, sorted.
func Names() []string {
	var names []string
	for _, t := range mustAll() {
		names = append(append(names, t.Name), t.Aliases...)
	}
	slices.Sort(names)
	return names
}

// Load is a built-in template by its name or alias.
func Load(name string) (*Template, error) {
	for _, t := range mustAll() {
		if t.Name == name || slices.Contains(t.Aliases, name) {
			return t, nil
		}
	}
	return nil, fmt.Errorf("no template %q: have %s", name, strings.Join(Names(), ", "))
}

// mustAll reads all built-in templates; they are part of the program, so a mistake in one is a broken
// invariant that the package's test finds.
func mustAll() []*Template {
	files, err := fs.Glob(data, "data/*.yaml")
	if err != nil {
		panic(err)
	}
	var all []*Template
	for _, f := range files {
		text, err := data.ReadFile(f)
		if err != nil {
			panic(err)
		}
		t, err := Parse(strings.TrimSuffix(path.Base(f), ".yaml"), text)
		if err != nil {
			panic(err)
		}
		all = append(all, t)
	}
	return all
}
