package chat

import (
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"github.com/belay-ml/belay/models/tok"
)

// Placeholders of slots, and what they stand for in one message.
var placeholders = []string{"{{content}}", "{{idx}}", "{{name}}", "{{arguments}}"}

type values struct {
	content, name, arguments string
	round                    int // -1 leaves {{idx}} as it stands
}

// piece is a run of slots of which the ids are known (no parts), or one slot with placeholders.
type piece struct {
	ids   []int32
	parts []part
	text  string // the slot
}

// part is literal text, or a placeholder by its place in the list.
type part struct {
	literal     string
	placeholder int // -1 for text
}

// compile makes the pieces of slots, of which all that is constant is tokenized now.
func (b *Bound) compile(slots []Slot) ([]piece, error) {
	var out []piece
	constant := func(ids ...int32) {
		if n := len(out); n > 0 && out[n-1].parts == nil {
			out[n-1].ids = append(out[n-1].ids, ids...)
			return
		}
		out = append(out, piece{ids: ids})
	}
	for _, s := range slots {
		switch {
		case s.Token != "":
			id, err := b.token(s.Token)
			if err != nil {
				return nil, err
			}
			constant(id)
		case s.Special == "bos":
			if b.bos >= 0 {
				constant(b.bos)
			}
		case s.Special == "eos":
			constant(b.eos)
		default:
			parts := cutParts(s.Text)
			if len(parts) == 0 {
				continue
			}
			if len(parts) == 1 && parts[0].placeholder < 0 {
				constant(b.tk.Encode(nil, s.Text, false)...)
				continue
			}
			out = append(out, piece{parts: parts, text: s.Text})
		}
	}
	return out, nil
}

func (b *Bound) token(text string) (int32, error) {
	id, ok := b.tk.ID(text)
	if unk := b.tk.Special().UNK; !ok && b.compat && unk >= 0 {
		id, ok = unk, true
	}
	if !ok {
		return 0, fmt.Errorf("template %s needs the token %q, which the tokenizer does not have", b.t.Name, text)
	}
	return id, nil
}

func cutParts(slot string) []part {
	var out []part
	from := 0
	for at := 0; at < len(slot); {
		found := -1
		for p, name := range placeholders {
			if strings.HasPrefix(slot[at:], name) {
				found = p
			}
		}
		if found < 0 {
			at++
			continue
		}
		if at > from {
			out = append(out, part{slot[from:at], -1})
		}
		out = append(out, part{"", found})
		at += len(placeholders[found])
		from = at
	}
	if from < len(slot) {
		out = append(out, part{slot[from:], -1})
	}
	return out
}

// append encodes pieces with the values of a message.
func (d *Dialogue) append(tk tok.Tokenizer, pieces []piece, v *values, compat bool) {
	for i := range pieces {
		p := &pieces[i]
		switch {
		case p.parts == nil:
			d.IDs = append(d.IDs, p.ids...)
		case compat && v.braces():
			if text := v.inject(p.text); text != "" {
				d.IDs = tk.Encode(d.IDs, text, false)
			}
		case len(p.parts) == 1 && p.parts[0].placeholder == 0:
			if v.content != "" {
				d.IDs = tk.Encode(d.IDs, v.content, false)
			}
		default:
			d.text = d.text[:0]
			for _, part := range p.parts {
				d.text = v.append(d.text, part)
			}
			if len(d.text) > 0 {
				// A tokenizer keeps no text, so it may read the buffer in place.
				d.IDs = tk.Encode(d.IDs, unsafe.String(&d.text[0], len(d.text)), false)
			}
		}
	}
}

func (v *values) append(dst []byte, p part) []byte {
	switch p.placeholder {
	case 0:
		return append(dst, v.content...)
	case 1:
		if v.round < 0 {
			return append(dst, placeholders[1]...)
		}
		return strconv.AppendInt(dst, int64(v.round), 10)
	case 2:
		return append(dst, v.name...)
	case 3:
		return append(dst, v.arguments...)
	}
	return append(dst, p.literal...)
}

// braces says whether a value may hold a part of a placeholder.
func (v *values) braces() bool {
	return v.name != "" || v.arguments != "" || strings.ContainsAny(v.content, "{}")
}

// inject fills a slot as the reference does: one placeholder after the other, so that those inside a
// value are taken for the slot's own.
func (v *values) inject(slot string) string {
	if v.name != "" || v.arguments != "" {
		return strings.ReplaceAll(strings.ReplaceAll(slot, "{{name}}", v.name), "{{arguments}}", v.arguments)
	}
	slot = strings.Replace(slot, "{{content}}", v.content, 1)
	if v.round >= 0 {
		slot = strings.Replace(slot, "{{idx}}", strconv.Itoa(v.round), 1)
	}
	return slot
}
