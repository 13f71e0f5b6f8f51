package inference

import (
	"errors"
	"fmt"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/chat/hf"
	"github.com/belay-ml/belay/models/tok"
)

// Prompter turns conversations into prompt ids: by a template, or as plain text.
type Prompter struct {
	tok    tok.Tokenizer
	format chat.Format // nil for plain text
}

// NewPrompter fits a template to a tokenizer; without a name prompts are plain text.
func NewPrompter(t tok.Tokenizer, c hf.Choice) (*Prompter, error) {
	if c.Template == "" {
		if c.File != "" {
			return nil, fmt.Errorf("chat_template is not used by plain text: write template: %s", hf.Name)
		}
		return &Prompter{tok: t}, nil
	}
	f, err := hf.Open(t, c)
	if err != nil {
		return nil, err
	}
	return &Prompter{tok: f.Tokenizer(), format: f}, nil
}

// Template says whether prompts are written by a template.
func (p *Prompter) Template() bool { return p.format != nil }

// Stops are the ids at which an answer ends; nil for plain text.
func (p *Prompter) Stops() []int32 {
	if p.format == nil {
		return nil
	}
	return p.format.Stops()
}

// IDs writes a conversation whose last message is the user's. Without a template it must be a single
// message, which is encoded as a plain call to the tokenizer would.
func (p *Prompter) IDs(messages []chat.Message, system string) ([]int32, error) {
	if p.format != nil {
		return p.format.Prompt(messages, system, "")
	}
	if system != "" {
		return nil, errors.New("a system text needs a template: plain text has no place for it")
	}
	if len(messages) != 1 {
		return nil, fmt.Errorf("a conversation of %d messages needs a template", len(messages))
	}
	return p.tok.Encode(nil, messages[0].Content, true), nil
}
