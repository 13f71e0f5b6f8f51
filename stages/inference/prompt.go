package inference

import (
	"errors"
	"fmt"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/tok"
)

// Prompter turns conversations into prompt ids: by a named template, or as plain text.
type Prompter struct {
	tok   tok.Tokenizer
	bound *chat.Bound // nil for plain text
}

// NewPrompter fits a template to a tokenizer; the empty name means plain text.
func NewPrompter(t tok.Tokenizer, template string) (*Prompter, error) {
	if template == "" {
		return &Prompter{tok: t}, nil
	}
	tpl, err := chat.Load(template)
	if err != nil {
		return nil, err
	}
	b, err := tpl.Bind(t, chat.Options{})
	if err != nil {
		return nil, err
	}
	return &Prompter{tok: b.Tokenizer(), bound: b}, nil
}

// Template says whether prompts are written by a template.
func (p *Prompter) Template() bool { return p.bound != nil }

// Stops are the ids at which an answer ends; nil for plain text.
func (p *Prompter) Stops() []int32 {
	if p.bound == nil {
		return nil
	}
	return p.bound.Stops()
}

// IDs writes a conversation whose last message is the user's. Without a template it must be a single
// message, which is encoded as a plain call to the tokenizer would.
func (p *Prompter) IDs(messages []chat.Message, system string) ([]int32, error) {
	if p.bound != nil {
		return p.bound.Prompt(messages, system, "")
	}
	if system != "" {
		return nil, errors.New("a system text needs a template: plain text has no place for it")
	}
	if len(messages) != 1 {
		return nil, fmt.Errorf("a conversation of %d messages needs a template", len(messages))
	}
	return p.tok.Encode(nil, messages[0].Content, true), nil
}
