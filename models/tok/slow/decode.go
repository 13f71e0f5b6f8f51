package slow

import (
	"strings"

	"github.com/belay-ml/belay/models/tok/spm"
)

// token is one id to be decoded, by its text.
type token struct {
	spm.Token
	added   bool // apart from the text around it
	special bool
}

// Decode is the text of ids. Ids without a token are left out.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	tokens := make([]token, 0, len(ids))
	for _, id := range ids {
		if id < 0 || int(id) >= t.size {
			continue
		}
		x := t.tokenOf(id)
		if skipSpecial && x.special {
			continue
		}
		tokens = append(tokens, x)
	}
	sep := " "
	if t.decode == gemma {
		sep = ""
	}
	// added tokens apart, the texts between them by the class
	var all []string
	start := 0
	for i, x := range tokens {
		if !x.added {
			continue
		}
		if s := t.text(tokens[start:i]); s != "" {
			all = append(all, s)
		}
		all = append(all, x.Text)
		start = i + 1
	}
	if start < len(tokens) {
		all = append(all, t.text(tokens[start:]))
	}
	return strings.Join(all, sep)
}

// tokenOf looks an id up as convert_ids_to_tokens does.
func (t *Tokenizer) tokenOf(id int32) token {
	if a := t.byID[id]; a != nil {
		x := token{Token: t.model.Lookup(a.Content), special: t.special[a.Content]}
		base := t.model.Size() + len(t.extra)
		x.added = !x.special || t.more[a.Content] && int(id) >= base || t.decode == gemma
		return x
	}
	text := t.Token(id)
	if len(t.extra) > 0 { // ChatGLM shows neither unk, bos nor eos
		if id == t.model.Unk() || id == t.model.EOS() || id == t.model.BOS() {
			text = ""
		}
	}
	return token{Token: t.model.Lookup(text), special: t.special[text]}
}

// text is convert_tokens_to_string of the class.
func (t *Tokenizer) text(tokens []token) string {
	if len(tokens) == 0 {
		return ""
	}
	pieces := make([]spm.Token, 0, len(tokens))
	if t.decode == bare || t.decode == gemma {
		for _, x := range tokens {
			pieces = append(pieces, x.Token)
		}
		return t.model.Decode(pieces)
	}
	if strip := t.decode == llama || t.decode == unspaced; strip && !t.noBlank || t.decode == code {
		if rest, ok := strings.CutPrefix(tokens[0].Text, mark); ok {
			tokens[0].Token = t.model.Lookup(rest)
			tokens[0].special = t.special[rest]
		}
	}
	var b strings.Builder
	wasSpecial := false
	for i, x := range tokens {
		if !x.special {
			if t.decode != code && t.decode != spaced && wasSpecial && i == 1 && !t.noBlank && !strings.HasPrefix(x.Text, mark) {
				b.WriteByte(' ')
			}
			pieces = append(pieces, x.Token)
			wasSpecial = false
			continue
		}
		if !wasSpecial && i > 0 && (t.decode == llama || t.decode == spaced) {
			b.WriteByte(' ')
		}
		b.WriteString(t.model.Decode(pieces))
		b.WriteString(x.Text)
		pieces, wasSpecial = pieces[:0], true
	}
	b.WriteString(t.model.Decode(pieces))
	return b.String()
}
