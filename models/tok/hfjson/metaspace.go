package hfjson

import (
	"strings"
	"unicode/utf8"

	"github.com/belay-ml/belay/models/tok/pretok"
)

// metaspace writes a mark for each blank, and one in front of the text; it is pre-tokenizer and decoder.
type metaspace struct {
	mark    string
	prepend string // always, first or never
	split   bool
}

func parseMetaspace(c *component) (*metaspace, error) {
	o := struct {
		typed
		Replacement    string  `json:"replacement"`
		AddPrefixSpace *bool   `json:"add_prefix_space"` // of older files: false means never
		PrependScheme  *string `json:"prepend_scheme"`
		Split          *bool   `json:"split"`
		StrRep         string  `json:"str_rep"` // the replacement again
	}{}
	if err := c.options(&o); err != nil {
		return nil, err
	}
	m := &metaspace{mark: o.Replacement, prepend: "always", split: true}
	if o.PrependScheme != nil {
		m.prepend = *o.PrependScheme
	}
	if o.AddPrefixSpace != nil && !*o.AddPrefixSpace {
		if o.PrependScheme != nil && m.prepend != "never" {
			return nil, c.errorf("add_prefix_space false contradicts prepend_scheme %q", m.prepend)
		}
		m.prepend = "never"
	}
	if o.Split != nil {
		m.split = *o.Split
	}
	switch m.prepend {
	case "always", "first", "never":
	default:
		return nil, c.errorf("unknown prepend_scheme %q: want always, first or never", m.prepend)
	}
	if utf8.RuneCountInString(m.mark) != 1 {
		return nil, c.errorf("replacement %q is not one character", m.mark)
	}
	return m, nil
}

func (m *metaspace) pretokenize(dst []piece, p piece, w *work) []piece {
	text := strings.ReplaceAll(p.text, " ", m.mark)
	if (m.prepend == "always" || m.prepend == "first" && p.first) && !strings.HasPrefix(text, m.mark) {
		text = m.mark + text
	}
	if !m.split {
		return append(dst, piece{text, p.first})
	}
	w.spans = pretok.Literal(m.mark).Spans(w.spans[:0], text)
	for _, span := range pretok.MergedWithNext.Apply(w.spans) {
		dst = append(dst, piece{text[span.Start:span.End], p.first && span.Start == 0})
	}
	return dst
}

// decode turns marks back into blanks; those of the first token vanish when one was put in front.
func (m *metaspace) decode(tokens []string) []string {
	for i, t := range tokens {
		blank := " "
		if i == 0 && m.prepend != "never" {
			blank = ""
		}
		tokens[i] = strings.ReplaceAll(t, m.mark, blank)
	}
	return tokens
}
