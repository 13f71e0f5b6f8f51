package chat

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/models/chat/ordjson"
	"github.com/belay-ml/belay/models/tok"
)

// Options say how a template is used.
type Options struct {
	// Compat substitutes placeholders inside messages, as the reference does, lets bad tool lists and
	// function calls become empty text, and cuts a conversation to a million ids.
	Compat bool
}

// Bound is a template fitted to a tokenizer. It is safe for concurrent use.
type Bound struct {
	t        *Template
	tk       tok.Tokenizer
	bos, eos int32
	pad      int32
	stops    []int32
	tokens   map[string]int32
	compat   bool
}

// compatCut is the reference's limit on the ids of a conversation.
const compatCut = 1_000_000

// Bind fits the template to a tokenizer. The tokenizer it then uses (Bound.Tokenizer) knows the stop
// words as special tokens.
func (t *Template) Bind(tk tok.Tokenizer, o Options) (*Bound, error) {
	sp := tk.Special()
	b := &Bound{t: t, bos: sp.BOS, eos: sp.EOS, pad: sp.PAD, tokens: map[string]int32{}, compat: o.Compat}
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
	for _, slots := range [][]Slot{t.Prefix, t.System, t.User, t.Assistant, t.Observation, t.Function, t.Separator} {
		for _, s := range slots {
			if s.Token == "" {
				continue
			}
			id, ok := tk.ID(s.Token)
			if !ok && o.Compat && sp.UNK >= 0 {
				id, ok = sp.UNK, true
			}
			if !ok {
				return nil, fmt.Errorf("template %s needs the token %q, which the tokenizer does not have", t.Name, s.Token)
			}
			b.tokens[s.Token] = id
		}
	}
	for _, slots := range [][]Slot{t.Prefix, t.User} {
		for _, s := range slots {
			if s.Special == "bos" && b.bos < 0 {
				return nil, fmt.Errorf("template %s begins with the bos token, and the tokenizer has none: choose another template, or set bos_token in its tokenizer_config.json", t.Name)
			}
		}
	}
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

// Template is the template.
func (b *Bound) Template() *Template { return b.t }

// Encode writes a conversation of an even number of messages as rounds. An empty system text means
// the template's own; tools is a JSON list or empty.
func (b *Bound) Encode(messages []Message, system, tools string) ([]Turn, error) {
	if len(messages)%2 != 0 {
		return nil, fmt.Errorf("encode conversation: %d messages, want pairs", len(messages))
	}
	encoded, err := b.encode(messages, system, tools)
	if err != nil {
		return nil, err
	}
	turns := make([]Turn, 0, len(encoded)/2)
	rest := compatCut
	for i := 0; i < len(encoded); i += 2 {
		t := Turn{Source: encoded[i], Target: encoded[i+1]}
		if b.compat {
			if rest <= 0 {
				break
			}
			if t, err = cut(t, rest); err != nil {
				return nil, fmt.Errorf("encode conversation: round %d: %w", i/2, err)
			}
			rest -= len(t.Source) + len(t.Target)
		}
		turns = append(turns, t)
	}
	return turns, nil
}

// cut is the reference's rule for a round of which m ids are left to take: the answer gets its share,
// at least one id, and the question what remains.
func cut(t Turn, m int) (Turn, error) {
	s, n := len(t.Source), len(t.Target)
	if s+n == 0 {
		return t, fmt.Errorf("neither question nor answer has ids")
	}
	target := max(int(float64(m)*(float64(n)/float64(s+n))), 1)
	source := m - min(target, n)
	return Turn{Source: t.Source[:min(s, source)], Target: t.Target[:min(n, target)]}, nil
}

// Prompt writes a conversation that ends with a user's message (or an observation), up to where the
// model answers.
func (b *Bound) Prompt(messages []Message, system, tools string) ([]int32, error) {
	if len(messages)%2 != 1 {
		return nil, fmt.Errorf("encode prompt: %d messages, want an odd number that ends with the user's", len(messages))
	}
	encoded, err := b.encode(messages, system, tools)
	if err != nil {
		return nil, err
	}
	var ids []int32
	for _, e := range encoded {
		ids = append(ids, e...)
	}
	return ids, nil
}

func (b *Bound) encode(messages []Message, system, tools string) ([][]int32, error) {
	if system == "" {
		system = b.t.DefaultSystem
	}
	out := make([][]int32, len(messages))
	for i, m := range messages {
		var ids []int32
		inUser := ""
		switch {
		case i == 0:
			ids = b.slots(ids, b.t.Prefix)
			if system != "" || tools != "" {
				text, err := b.toolText(tools)
				if err != nil {
					return nil, fmt.Errorf("encode conversation: %w", err)
				}
				if b.t.SystemInUser {
					inUser = b.fill(b.t.System[0].Text, "{{content}}", system+text)
				} else {
					ids = b.slots(ids, b.t.System, "{{content}}", system+text)
				}
			}
		case i%2 == 0:
			ids = b.slots(ids, b.t.Separator)
		}
		switch m.Role {
		case User:
			// The llama2 form has no round number.
			if b.t.SystemInUser {
				ids = b.slots(ids, b.t.User, "{{content}}", inUser+m.Content)
			} else {
				ids = b.slots(ids, b.t.User, "{{content}}", m.Content, "{{idx}}", strconv.Itoa(i/2))
			}
		case Assistant:
			ids = b.slots(ids, b.t.Assistant, "{{content}}", m.Content)
		case Observation:
			ids = b.slots(ids, b.t.Observation, "{{content}}", m.Content)
		case Function:
			name, arguments, err := functionCall(m.Content)
			if err != nil && !b.compat {
				return nil, fmt.Errorf("encode conversation: message %d: %w", i, err)
			}
			ids = b.function(ids, name, arguments)
		}
		out[i] = ids
	}
	return out, nil
}

// slots tokenizes slots one by one. values are pairs of a placeholder and its text.
func (b *Bound) slots(ids []int32, slots []Slot, values ...string) []int32 {
	for _, s := range slots {
		switch {
		case s.Token != "":
			ids = append(ids, b.tokens[s.Token])
		case s.Special == "bos" && b.bos >= 0:
			ids = append(ids, b.bos)
		case s.Special == "eos":
			ids = append(ids, b.eos)
		case s.Text != "":
			if text := b.fill(s.Text, values...); text != "" {
				ids = b.tk.Encode(ids, text, false)
			}
		}
	}
	return ids
}

// fill puts values in place of the slot's placeholders. The reference replaces one after the other,
// so that a placeholder inside the first value is taken for the slot's own.
func (b *Bound) fill(slot string, values ...string) string {
	if b.compat {
		for i := 0; i < len(values); i += 2 {
			slot = strings.Replace(slot, values[i], values[i+1], 1)
		}
		return slot
	}
	var out strings.Builder
scan:
	for {
		before, after, found := strings.Cut(slot, "{{")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		slot = slot[len(before):]
		for i := 0; i < len(values); i += 2 {
			if strings.HasPrefix(slot, values[i]) {
				out.WriteString(values[i+1])
				slot = slot[len(values[i]):]
				continue scan
			}
		}
		out.WriteString("{{")
		slot = after
	}
}

func (b *Bound) function(ids []int32, name, arguments string) []int32 {
	if !b.compat {
		return b.slots(ids, b.t.Function, "{{name}}", name, "{{arguments}}", arguments)
	}
	for _, s := range b.t.Function {
		s.Text = strings.ReplaceAll(strings.ReplaceAll(s.Text, "{{name}}", name), "{{arguments}}", arguments)
		ids = b.slots(ids, []Slot{s})
	}
	return ids
}

// functionCall reads {"name": ..., "arguments": ...}.
func functionCall(content string) (name, arguments string, err error) {
	v, err := ordjson.Parse([]byte(content))
	if err != nil {
		return "", "", fmt.Errorf("function call is not JSON: %w", err)
	}
	o, ok := v.(*ordjson.Object)
	if !ok {
		return "", "", fmt.Errorf("function call is %s, want an object with name and arguments", ordjson.TypeName(v))
	}
	n, _ := o.Get("name")
	name, ok = n.(string)
	args, has := o.Get("arguments")
	if !ok || !has {
		return "", "", fmt.Errorf("function call has the keys %s, want name (a text) and arguments", strings.Join(o.Keys, ", "))
	}
	return name, ordjson.Dump(args), nil
}
