package chat

import (
	"errors"
	"fmt"

	"github.com/belay-ml/belay/models/tok"
)

// Options say how a template is used.
type Options struct {
	// Compat substitutes placeholders inside messages, as the reference does, lets bad tool lists and
	// function calls become empty text, refuses a missing bos and cuts a conversation to a million ids.
	Compat bool
	// Limit is the number of ids to which conversations are cut, 0 for none.
	Limit int
	// LastFirst keeps the last rounds whole where others must be cut.
	LastFirst bool
}

// Bound is a template fitted to a tokenizer. It is safe for concurrent use.
type Bound struct {
	Options
	t        *Template
	tk       tok.Tokenizer
	bos, eos int32
	pad      int32
	stops    []int32
	lacksBOS bool
	describe toolFormat // nil: not at all
	compat   bool

	prefix, system, user, assistant, observation, function, separator []piece
	opening                                                           []int32 // prefix and the template's own system text
}

// Bind fits the template to a tokenizer. The tokenizer it then uses (Bound.Tokenizer) knows the stop
// words as special tokens.
func (t *Template) Bind(tk tok.Tokenizer, o Options) (*Bound, error) {
	if o.Compat && t.rc3 != nil {
		t = t.rc3
	}
	sp := tk.Special()
	b := &Bound{Options: o, t: t, bos: sp.BOS, eos: sp.EOS, pad: sp.PAD, compat: o.Compat, describe: toolFormats()[t.Tools]}
	if o.Compat {
		b.Limit = compatCut
	}
	stop := t.StopWords
	if t.ReplaceEOS {
		tk, b.eos = tk.Add(stop[0])
		stop = stop[1:]
	}
	if b.eos < 0 {
		tk, b.eos = tk.Add("<|endoftext|>")
	}
	if b.pad < 0 {
		b.pad = b.eos
	}
	b.stops = []int32{b.eos}
	for _, w := range stop {
		var id int32
		tk, id = tk.Add(w)
		b.stops = append(b.stops, id)
	}
	b.tk = tk
	for _, slots := range [][]Slot{t.Prefix, t.User} {
		for _, s := range slots {
			b.lacksBOS = b.lacksBOS || s.Special == "bos" && b.bos < 0
		}
	}
	if b.lacksBOS && o.Compat {
		return nil, fmt.Errorf("template %s begins with the bos token, and the tokenizer has none; the reference stops there: "+
			"leave compat out, choose another template, or set bos_token in tokenizer_config.json", t.Name)
	}
	for _, f := range []struct {
		slots []Slot
		to    *[]piece
	}{
		{t.Prefix, &b.prefix}, {t.System, &b.system}, {t.User, &b.user}, {t.Assistant, &b.assistant},
		{t.Observation, &b.observation}, {t.Function, &b.function}, {t.Separator, &b.separator},
	} {
		var err error
		if *f.to, err = b.compile(f.slots); err != nil {
			return nil, err
		}
	}
	var d Dialogue
	b.open(&d, t.DefaultSystem)
	b.opening = d.IDs
	return b, nil
}

// Tokenizer is the tokenizer with the template's tokens added.
func (b *Bound) Tokenizer() tok.Tokenizer { return b.tk }

// EOS is the id that ends an answer.
func (b *Bound) EOS() int32 { return b.eos }

// PAD is the id that fills batches.
func (b *Bound) PAD() int32 { return b.pad }

// Stops are the ids at which generation ends, eos first.
func (b *Bound) Stops() []int32 { return b.stops }

// Room is the number of ids to which conversations are cut, 0 for none.
func (b *Bound) Room() int { return b.Limit }

// Template is the template.
func (b *Bound) Template() *Template { return b.t }

// LacksBOS says that the template has a bos token and the tokenizer has none, so that it is left out.
func (b *Bound) LacksBOS() bool { return b.lacksBOS }

// Encode writes a conversation of an even number of messages to d. An empty system text means the
// template's own; tools is a JSON list or empty.
func (b *Bound) Encode(d *Dialogue, messages []Message, system, tools string) error {
	if len(messages)%2 != 0 {
		return fmt.Errorf("encode conversation: %d messages, want pairs", len(messages))
	}
	if err := b.encode(d, messages, system, tools); err != nil {
		return err
	}
	d.Rounds, d.Cut = d.Rounds[:0], false
	for i, at := 0, 0; i < len(messages); i += 2 {
		question, answer := d.messages[i], d.messages[i+1]
		if at == answer && b.compat {
			return fmt.Errorf("encode conversation: round %d: neither question nor answer has ids", i/2)
		}
		d.Rounds = append(d.Rounds, Round{question - at, answer - question})
		at = answer
	}
	end := 0
	if b.t.EfficientEOS {
		end = 1
	}
	limit := b.Limit
	if !b.compat {
		limit -= end
	}
	if b.Limit > 0 && len(d.IDs) > limit {
		if limit <= 0 {
			return errors.New("encode conversation: no room for any text")
		}
		if err := d.Fit(limit, b.LastFirst); err != nil {
			return fmt.Errorf("encode conversation: %w", err)
		}
	}
	if end > 0 {
		d.IDs = append(d.IDs, b.eos)
	}
	return nil
}

// Prompt writes a conversation that ends with a user's message (or an observation), up to where the
// model answers.
func (b *Bound) Prompt(messages []Message, system, tools string) ([]int32, error) {
	if len(messages)%2 != 1 {
		return nil, fmt.Errorf("encode prompt: %d messages, want an odd number that ends with the user's", len(messages))
	}
	var d Dialogue
	err := b.encode(&d, messages, system, tools)
	return d.IDs, err
}

// encode writes messages one after another and notes where each ends.
func (b *Bound) encode(d *Dialogue, messages []Message, system, tools string) error {
	d.IDs, d.messages = d.IDs[:0], d.messages[:0]
	for i, m := range messages {
		v := values{content: m.Content, round: -1}
		switch {
		case i == 0:
			inUser, err := b.begin(d, system, tools)
			if err != nil {
				return fmt.Errorf("encode conversation: %w", err)
			}
			if m.Role == User && inUser != "" {
				v.content = inUser + v.content
			}
		case i%2 == 0:
			d.append(b.tk, b.separator, &v, false)
		}
		switch m.Role {
		case User, Observation:
			pieces := b.user
			if m.Role == Observation {
				pieces = b.observation
			}
			// The llama2 form has no round number; the reference leaves it out of observations too.
			if !b.t.SystemInUser && (m.Role == User || !b.compat) {
				v.round = i / 2
			}
			d.append(b.tk, pieces, &v, b.compat)
		case Assistant:
			d.append(b.tk, b.assistant, &v, b.compat)
		case Function:
			var err error
			v.content = ""
			if v.name, v.arguments, err = functionCall(m.Content); err != nil && !b.compat {
				return fmt.Errorf("encode conversation: message %d: %w", i, err)
			}
			d.append(b.tk, b.function, &v, b.compat)
		}
		d.messages = append(d.messages, len(d.IDs))
	}
	return nil
}

// begin writes what stands before the first message, or gives the text that belongs into it.
func (b *Bound) begin(d *Dialogue, system, tools string) (inUser string, err error) {
	if tools == "" && (system == "" || system == b.t.DefaultSystem) && !(b.t.SystemInUser && b.t.DefaultSystem != "") {
		d.IDs = append(d.IDs, b.opening...)
		return "", nil
	}
	if system == "" {
		system = b.t.DefaultSystem
	}
	some := system != "" || tools != "" // the reference writes the form around nothing, too
	if tools != "" {
		if system, err = b.withTools(system, tools); err != nil {
			return "", err
		}
		some = some && (b.compat || system != "")
	}
	if b.t.SystemInUser && some {
		d.append(b.tk, b.prefix, &values{}, false)
		v := values{content: system, round: -1}
		if b.compat {
			return v.inject(b.t.System[0].Text), nil
		}
		var text []byte
		for _, p := range cutParts(b.t.System[0].Text) {
			text = v.append(text, p)
		}
		return string(text), nil
	}
	if !some {
		system = ""
	}
	b.write(d, system, some)
	return "", nil
}

// open writes the prefix and a system text, where there is one.
func (b *Bound) open(d *Dialogue, system string) {
	b.write(d, system, system != "" && !b.t.SystemInUser)
}

func (b *Bound) write(d *Dialogue, system string, some bool) {
	d.append(b.tk, b.prefix, &values{}, false)
	if some {
		d.append(b.tk, b.system, &values{content: system, round: -1}, b.compat)
	}
}
