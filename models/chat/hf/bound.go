package hf

import (
	"context"
	"fmt"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/chat/jinja"
	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/offset"
)

// Bound is a model's own template with its tokenizer.
type Bound struct {
	chat.Options
	r        *Renderer
	tk       tok.Tokenizer
	eos, pad int32
	stops    []int32
	ids      bool // the template wants calls to have ids
	vars     []jinja.Var
}

var _ chat.Format = (*Bound)(nil)

// Bind fits a renderer to a tokenizer.
func (r *Renderer) Bind(t tok.Tokenizer, vars []jinja.Var, o chat.Options) (*Bound, error) {
	sp := t.Special()
	own := *r
	d := &Bound{Options: o, r: &own, tk: t, eos: sp.EOS, pad: sp.PAD, vars: vars}
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
func (b *Bound) Tokenizer() tok.Tokenizer { return b.tk }

// EOS is the id of the tokenizer's end of text.
func (b *Bound) EOS() int32 { return b.eos }

// PAD is the id that fills batches.
func (b *Bound) PAD() int32 { return b.pad }

// Stops are eos and the token with which the template ends an answer.
func (b *Bound) Stops() []int32 { return b.stops }

// Room is the number of ids to which conversations are cut, 0 for none.
func (b *Bound) Room() int { return b.Limit }

// Encode writes a conversation as a whole and tells rounds apart where what is learned begins and ends.
func (b *Bound) Encode(d *chat.Dialogue, messages []chat.Message, system, tools string) error {
	c, err := b.conversation(messages, system, tools)
	if err != nil {
		return fmt.Errorf("encode conversation: %w", err)
	}
	c.Vars = b.vars
	text, spans, err := b.r.Trained(context.Background(), c)
	if err != nil {
		return fmt.Errorf("encode conversation: %w", err)
	}
	ids, learned, err := Tokens(b.tk, text, spans)
	if err != nil {
		return fmt.Errorf("encode conversation: %w", err)
	}
	d.IDs, d.Rounds, d.Cut = append(d.IDs[:0], ids...), d.Rounds[:0], false
	for i := 0; i < len(ids); {
		var r chat.Round
		for ; i < len(ids) && !learned[i]; i++ {
			r.Source++
		}
		for ; i < len(ids) && learned[i]; i++ {
			r.Target++
		}
		d.Rounds = append(d.Rounds, r)
	}
	if len(ids) == 0 {
		return fmt.Errorf("encode conversation: the template writes nothing")
	}
	if b.Limit > 0 && len(ids) > b.Limit {
		if err := d.Fit(b.Limit, b.LastFirst); err != nil {
			return fmt.Errorf("encode conversation: %w", err)
		}
	}
	return nil
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

// AppendLabels appends the labels of d to dst.
func (b *Bound) AppendLabels(dst chat.Labels, d *chat.Dialogue, learn chat.Learn) chat.Labels {
	if learn == chat.Everything {
		return dst.Learn(len(d.IDs))
	}
	last := len(d.Rounds) - 1
	for last > 0 && d.Rounds[last].Target == 0 { // what follows the last answer
		last--
	}
	for i, r := range d.Rounds {
		dst = dst.Ignore(r.Source)
		if learn == chat.Answers || i == last {
			dst = dst.Learn(r.Target)
		} else {
			dst = dst.Ignore(r.Target)
		}
	}
	return dst
}

// Prompt writes a conversation up to where the model answers.
func (b *Bound) Prompt(messages []chat.Message, system, tools string) ([]int32, error) {
	c, err := b.conversation(messages, system, tools)
	if err != nil {
		return nil, fmt.Errorf("encode prompt: %w", err)
	}
	c.Vars = b.vars
	text, _, err := b.r.Render(context.Background(), c, true)
	if err != nil {
		return nil, fmt.Errorf("encode prompt: %w", err)
	}
	return b.tk.Encode(nil, text, false), nil
}
