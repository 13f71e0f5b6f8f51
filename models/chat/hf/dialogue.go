package hf

import (
	"context"
	"fmt"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/chat/jinja"
	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/offset"
)

// Dialogue is a model's own template with its tokenizer.
type Dialogue struct {
	r        *Renderer
	tk       tok.Tokenizer
	eos, pad int32
	stops    []int32
	ids      bool // the template wants calls to have ids
	vars     []jinja.Var
}

var _ chat.Format = (*Dialogue)(nil)

// Bind fits a renderer to a tokenizer.
func (r *Renderer) Bind(t tok.Tokenizer, vars []jinja.Var) (*Dialogue, error) {
	sp := t.Special()
	own := *r
	d := &Dialogue{r: &own, tk: t, eos: sp.EOS, pad: sp.PAD, vars: vars}
	end, ok := own.findEnd(t)
	if d.eos < 0 {
		if !ok {
			return nil, fmt.Errorf("the tokenizer has no eos_token, and the chat template ends answers with none: set eos_token in its tokenizer_config.json")
		}
		d.eos = end
	}
	d.stops = []int32{d.eos}
	if ok && end != d.eos {
		d.stops = append(d.stops, end)
	}
	if d.pad < 0 {
		d.pad = d.eos
	}
	for _, t := range r.set.templates {
		d.ids = d.ids || t.Uses("tool_call_id")
		for _, name := range []string{"tool_call", "call", "tool"} {
			d.ids = d.ids || t.Uses(name) && t.Uses("id")
		}
	}
	return d, nil
}

// Tokenizer is the tokenizer.
func (d *Dialogue) Tokenizer() tok.Tokenizer { return d.tk }

// EOS is the id of the tokenizer's end of text.
func (d *Dialogue) EOS() int32 { return d.eos }

// PAD is the id that fills batches.
func (d *Dialogue) PAD() int32 { return d.pad }

// Stops are eos and the token with which the template ends an answer.
func (d *Dialogue) Stops() []int32 { return d.stops }

// Encode writes a conversation as a whole and cuts it where what is learned begins and ends.
func (d *Dialogue) Encode(messages []chat.Message, system, tools string) ([]chat.Turn, error) {
	c, err := d.conversation(messages, system, tools)
	if err != nil {
		return nil, fmt.Errorf("encode conversation: %w", err)
	}
	c.Vars = d.vars
	text, spans, err := d.r.Trained(context.Background(), c)
	if err != nil {
		return nil, fmt.Errorf("encode conversation: %w", err)
	}
	ids, learned, err := Tokens(d.tk, text, spans)
	if err != nil {
		return nil, fmt.Errorf("encode conversation: %w", err)
	}
	var turns []chat.Turn
	for i := 0; i < len(ids); {
		start := i
		for i < len(ids) && !learned[i] {
			i++
		}
		t := chat.Turn{Source: ids[start:i:i]}
		start = i
		for i < len(ids) && learned[i] {
			i++
		}
		t.Target = ids[start:i:i]
		turns = append(turns, t)
	}
	if len(turns) == 0 {
		return nil, fmt.Errorf("encode conversation: the template writes nothing")
	}
	return turns, nil
}

// Tokens encodes a text as a whole, without the tokenizer's own special tokens, and says of which ids a part lies within
// a span.
func Tokens(t tok.Tokenizer, text string, spans []jinja.Span) (ids []int32, within []bool, err error) {
	ids = t.Encode(nil, text, false)
	within = make([]bool, len(ids))
	if len(spans) == 0 {
		return ids, within, nil
	}
	places, err := offset.Find(nil, t, text, ids)
	if err != nil {
		return nil, nil, err
	}
	s := 0
	for i, p := range places {
		for s < len(spans) && spans[s].End <= p.Start {
			s++
		}
		within[i] = s < len(spans) && p.End > spans[s].Start && p.End > p.Start
	}
	return ids, within, nil
}

// Flatten joins the pieces of a conversation.
func (d *Dialogue) Flatten(turns []chat.Turn) (ids, labels []int32) {
	for _, t := range turns {
		for range t.Source {
			labels = append(labels, chat.Ignored)
		}
		ids, labels = append(append(ids, t.Source...), t.Target...), append(labels, t.Target...)
	}
	return ids, labels
}

// Last is Flatten with the last answer alone to be learned.
func (d *Dialogue) Last(turns []chat.Turn) (ids, labels []int32) {
	last := len(turns) - 1
	for last > 0 && len(turns[last].Target) == 0 {
		last--
	}
	return chat.JoinLast(turns, last)
}

// Prompt writes a conversation up to where the model answers.
func (d *Dialogue) Prompt(messages []chat.Message, system, tools string) ([]int32, error) {
	c, err := d.conversation(messages, system, tools)
	if err != nil {
		return nil, fmt.Errorf("encode prompt: %w", err)
	}
	c.Vars = d.vars
	text, _, err := d.r.Render(context.Background(), c, true)
	if err != nil {
		return nil, fmt.Errorf("encode prompt: %w", err)
	}
	return d.tk.Encode(nil, text, false), nil
}
