package hf

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/config"
)

// Name is the template that stands for the model's own; Name:NAME is one of several.
const Name = "hf"

// Choice says which template a conversation is written with.
type Choice struct {
	Template string // Name, Name:NAME, or a named template of package chat
	File     string // a Jinja template instead of the model's own
	Dir      string // of the tokenizer
	Now      func() time.Time
	chat.Options
}

// Own says whether the choice is a Jinja template.
func (c Choice) Own() bool { return c.Template == Name || strings.HasPrefix(c.Template, Name+":") }

// Open fits the chosen template to a tokenizer.
func Open(t tok.Tokenizer, c Choice) (chat.Format, error) {
	if !c.Own() {
		if c.File != "" {
			return nil, fmt.Errorf("chat_template is a Jinja template, which template %s has no use for: write template: %s", c.Template, Name)
		}
		named, err := chat.Load(c.Template)
		if err != nil {
			return nil, fmt.Errorf("%w, and %s for the model's own", err, Name)
		}
		b, err := named.Bind(t, c.Options)
		if err != nil {
			return nil, err
		}
		return b, nil
	}
	if c.Compat {
		return nil, fmt.Errorf("template %s cannot be had with compat rc3, which has no Jinja templates in preprocessing", c.Template)
	}
	r, err := c.Renderer()
	if err != nil {
		return nil, err
	}
	d, err := r.Bind(t, nil, c.Options)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Renderer loads the Jinja template that is chosen.
func (c Choice) Renderer() (*Renderer, error) {
	set, err := c.load()
	if errors.Is(err, ErrAbsent) {
		return nil, fmt.Errorf("%w: name one of belay's own (%s), or give a Jinja file as chat_template", err, strings.Join(chat.Names(), ", "))
	}
	if err != nil {
		return nil, err
	}
	conf, err := config.Open(c.Dir)
	if err != nil {
		return nil, err
	}
	return NewRenderer(set, strings.TrimPrefix(strings.TrimPrefix(c.Template, Name), ":"), conf, c.Now)
}

// Clock is a clock that stands at a day such as 2026-01-31, nil for "".
func Clock(day string) (func() time.Time, error) {
	if day == "" {
		return nil, nil
	}
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return nil, fmt.Errorf("template_date %q: want a day as 2026-01-31", day)
	}
	return func() time.Time { return t }, nil
}

func (c Choice) load() (*Set, error) {
	if c.File != "" {
		return LoadFile(c.File)
	}
	return Load(c.Dir)
}
