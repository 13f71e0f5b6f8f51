package hf

import (
	"strings"

	"github.com/belay-ml/belay/models/tok"
)

// letters is a tokenizer with an id for each byte and for each special token, which stands for itself.
type letters struct {
	special []string
	roles   tok.Special
}

func (l letters) Encode(dst []int32, text string, _ bool) []int32 {
next:
	for len(text) > 0 {
		for i, a := range l.special {
			if rest, ok := strings.CutPrefix(text, a); ok {
				dst, text = append(dst, int32(256+i)), rest
				continue next
			}
		}
		dst, text = append(dst, int32(text[0])), text[1:]
	}
	return dst
}

func (l letters) Decode(ids []int32, skip bool) string {
	var b []byte
	for _, id := range ids {
		b, _ = l.AppendBytes(b, id, skip)
	}
	return string(b)
}

func (l letters) AppendBytes(dst []byte, id int32, skip bool) ([]byte, bool) {
	switch {
	case id < 256:
		return append(dst, byte(id)), true
	case !skip:
		return append(dst, l.special[id-256]...), true
	}
	return dst, true
}

func (l letters) Token(id int32) string {
	if id < 256 {
		return string([]byte{byte(id)})
	}
	return l.special[id-256]
}

func (l letters) VocabSize() int       { return 256 + len(l.special) }
func (l letters) Special() tok.Special { return l.roles }
func (l letters) ID(token string) (int32, bool) {
	for i, a := range l.special {
		if a == token {
			return int32(256 + i), true
		}
	}
	return 0, false
}

func (l letters) Add(string) (tok.Tokenizer, int32) { panic("a chat template adds no tokens") }

func newLetters() letters {
	return letters{[]string{"<s>", "</s>", "<|im_end|>", "<|im_start|>", "<end_of_turn>"}, tok.Special{BOS: 256, EOS: 257, PAD: -1, UNK: -1}}
}
