package hf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/models/chat/jinja"
	"github.com/belay-ml/belay/models/chat/ordjson"
	"github.com/belay-ml/belay/models/tok/config"
)

// Names of the files.
const (
	templateFile  = "chat_template.jinja"
	templateJSON  = "chat_template.json"
	additionalDir = "additional_chat_templates"
)

// Names that mean something where there are several templates.
const (
	defaultName = "default"
	toolName    = "tool_use"
)

// ErrAbsent says that a directory has no chat template.
var ErrAbsent = errors.New("the tokenizer has no chat template")

// Set is the templates of a model by name.
type Set struct {
	names     []string
	templates []*jinja.Template
}

// Load reads the chat templates of a tokenizer's directory.
func Load(dir string) (*Set, error) {
	for _, read := range []func(string) (*Set, error){loadFiles, loadConfig, loadJSON} {
		s, err := read(dir)
		if err != nil {
			return nil, fmt.Errorf("load chat template: %w", err)
		}
		if s != nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("load chat template %s: %w", dir, ErrAbsent)
}

// LoadFile reads one template from a file.
func LoadFile(path string) (*Set, error) {
	text, err := config.Read(filepath.Split(path))
	if err == nil && text == nil {
		err = fmt.Errorf("%s: %w", path, os.ErrNotExist)
	}
	s := &Set{}
	if err == nil {
		err = s.add(defaultName, path, string(text))
	}
	if err != nil {
		return nil, fmt.Errorf("load chat template: %w", err)
	}
	return s, nil
}

func (s *Set) add(name, path, text string) error {
	t, err := jinja.Parse(path, text)
	if err != nil {
		return err
	}
	if i := slices.Index(s.names, name); i >= 0 { // the last one counts
		s.templates[i] = t
		return nil
	}
	s.names, s.templates = append(s.names, name), append(s.templates, t)
	return nil
}

func loadFiles(dir string) (*Set, error) {
	s := &Set{}
	text, err := config.Read(dir, templateFile)
	if err != nil {
		return nil, err
	}
	if text != nil {
		if err := s.add(defaultName, filepath.Join(dir, templateFile), string(text)); err != nil {
			return nil, err
		}
	}
	more, err := filepath.Glob(filepath.Join(dir, additionalDir, "*.jinja"))
	if err != nil {
		return nil, err
	}
	for _, path := range more {
		text, err := config.Read(filepath.Split(path))
		if err != nil {
			return nil, err
		}
		if err := s.add(strings.TrimSuffix(filepath.Base(path), ".jinja"), path, string(text)); err != nil {
			return nil, err
		}
	}
	if len(s.names) == 0 {
		return nil, nil
	}
	return s, nil
}

func loadConfig(dir string) (*Set, error) { return loadMember(dir, config.File) }
func loadJSON(dir string) (*Set, error)   { return loadMember(dir, templateJSON) }

// loadMember reads chat_template of a JSON file: a text, or a list of {"name": ..., "template": ...}.
func loadMember(dir, file string) (*Set, error) {
	path := filepath.Join(dir, file)
	data, err := config.Read(dir, file)
	if err != nil || data == nil {
		return nil, err
	}
	v, err := ordjson.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	o, ok := v.(*ordjson.Object)
	if !ok {
		return nil, fmt.Errorf("%s: it is %s, want an object", path, ordjson.TypeName(v))
	}
	member, _ := o.Get("chat_template")
	s := &Set{}
	switch m := member.(type) {
	case nil:
		return nil, nil
	case string:
		return s, s.add(defaultName, path, m)
	case []any:
		for i, e := range m {
			entry, _ := e.(*ordjson.Object)
			if entry == nil {
				entry = &ordjson.Object{}
			}
			name, _ := entry.Get("name")
			text, _ := entry.Get("template")
			n, okName := name.(string)
			t, okText := text.(string)
			if !okName || !okText {
				return nil, fmt.Errorf("%s: entry %d of chat_template wants the texts name and template", path, i)
			}
			if err := s.add(n, path+"["+n+"]", t); err != nil {
				return nil, err
			}
		}
		if len(m) > 0 {
			return s, nil
		}
		return nil, nil
	}
	return nil, fmt.Errorf("%s: chat_template is %s, want a text or a list", path, ordjson.TypeName(member))
}

// Names are the names of the templates.
func (s *Set) Names() []string { return slices.Clone(s.names) }

// Pick is the template of a name; without one that for conversations with or without tools.
func (s *Set) Pick(name string, tools bool) (*jinja.Template, error) {
	if name != "" {
		if i := slices.Index(s.names, name); i >= 0 {
			return s.templates[i], nil
		}
		return nil, fmt.Errorf("no chat template %q: have %s", name, strings.Join(s.names, ", "))
	}
	if i := slices.Index(s.names, toolName); i >= 0 && tools {
		return s.templates[i], nil
	}
	if i := slices.Index(s.names, defaultName); i >= 0 {
		return s.templates[i], nil
	}
	return nil, fmt.Errorf("there are several chat templates and none is the default: name one of %s", strings.Join(s.names, ", "))
}
