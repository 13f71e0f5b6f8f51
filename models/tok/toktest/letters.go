package toktest

import (
	"strings"

	"github.com/belay-ml/belay/models/tok"
)

// Letters is a tokenizer with an id for each byte, and behind those one for each added token.
type Letters struct {
	Added []string
	Roles tok.Special
}

// New has <s> for bos, </s> for eos, and more tokens.
func New(more ...string) Letters {
	return Letters{Added: append([]string{"<s>", "</s>"}, more...), Roles: tok.Special{BOS: 256, EOS: 257, PAD: -1, UNK: -1}}
}

// Encode puts bos in front where it is asked for special tokens and has one.
func (l Letters) Encode(dst []int32, text string, special bool) []int32 {
	if special && l.Roles.BOS >= 0 {
		dst = append(dst, l.Roles.BOS)
	}
next:
	for len(text) > 0 {
		for i, a := range l.Added {
			if rest, ok := strings.CutPrefix(text, a); ok {
				dst, text = append(dst, int32(256+i)), rest
				continue next
			}
		}
		dst, text = append(dst, int32(text[0])), text[1:]
	}
	return dst
}

// Decode joins the tokens.
func (l Letters) Decode(ids []int32, skip bool) string {
	var b []byte
	for _, id := range ids {
		b, _ = l.AppendBytes(b, id, skip)
	}
	return string(b)
}

// AppendBytes appends the bytes of a token.
func (l Letters) AppendBytes(dst []byte, id int32, skip bool) ([]byte, bool) {
	if !skip || id < 256 {
		dst = append(dst, l.Token(id)...)
	}
	return dst, true
}

// Token is a byte or an added token.
func (l Letters) Token(id int32) string {
	switch {
	case id < 0 || int(id) >= l.VocabSize():
		return ""
	case id < 256:
		return string([]byte{byte(id)})
	}
	return l.Added[id-256]
}

// VocabSize counts the bytes and the added tokens.
func (l Letters) VocabSize() int { return 256 + len(l.Added) }

// Special gives the roles.
func (l Letters) Special() tok.Special { return l.Roles }

// ID finds added tokens.
func (l Letters) ID(token string) (int32, bool) {
	for i, a := range l.Added {
		if a == token {
			return int32(256 + i), true
		}
	}
	return 0, false
}

// Add has one token more.
func (l Letters) Add(text string) (tok.Tokenizer, int32) {
	if id, ok := l.ID(text); ok {
		return l, id
	}
	l.Added = append(l.Added[:len(l.Added):len(l.Added)], text)
	return l, int32(255 + len(l.Added))
}
