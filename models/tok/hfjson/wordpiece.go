package hfjson

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/belay-ml/belay/models/tok/trie"
)

// wordOptions are the members of a WordPiece or WordLevel model beside vocab.
type wordOptions struct {
	Type                    string  `json:"type"`
	UnkToken                *string `json:"unk_token"`
	ContinuingSubwordPrefix *string `json:"continuing_subword_prefix"`
	MaxInputCharsPerWord    int     `json:"max_input_chars_per_word"`
}

// wordPiece takes the longest token at the front of a word, again and again; a word that does not come out even is unknown.
type wordPiece struct {
	first *trie.Trie
	rest  *trie.Trie // tokens with the prefix, without it
	unk   int32      // -1: unknown words vanish
	most  int        // runes of a word that is looked at
}

// wordLevel takes words as they stand.
type wordLevel struct {
	ids map[string]int32
	unk int32
}

// other is the model of the types beside BPE; nil for that.
func (v *vocabulary) other() (segmenter, error) {
	if v.kind == "BPE" {
		return nil, nil
	}
	if v.kind == "Unigram" {
		return newUnigram(v)
	}
	unk := int32(-1)
	name := "[UNK]"
	if v.kind == "WordLevel" {
		name = "<unk>"
	}
	if v.word.UnkToken != nil {
		name = *v.word.UnkToken
	}
	if id, ok := v.ids[name]; ok {
		unk = id
	}
	if v.kind == "WordLevel" {
		return &wordLevel{v.ids, unk}, nil
	}
	prefix := "##"
	if v.word.ContinuingSubwordPrefix != nil {
		prefix = *v.word.ContinuingSubwordPrefix
	}
	var first, rest []string
	var firstIDs, restIDs []int32
	for text, id := range v.ids {
		if len(text) > maxWord {
			return nil, fmt.Errorf("token %d has %d bytes, more than %d", id, len(text), maxWord)
		}
		first, firstIDs = append(first, text), append(firstIDs, id)
		if text, ok := strings.CutPrefix(text, prefix); ok {
			rest, restIDs = append(rest, text), append(restIDs, id)
		}
	}
	return &wordPiece{trie.New(first, firstIDs), trie.New(rest, restIDs), unk, v.word.MaxInputCharsPerWord}, nil
}

func (m *wordPiece) append(dst []int32, word string) []int32 {
	start := len(dst)
	if utf8.RuneCountInString(word) > m.most {
		return m.unknown(dst)
	}
	t := m.first
	for at := 0; at < len(word); t = m.rest {
		id, n := t.Longest(word[at:])
		if n == 0 {
			return m.unknown(dst[:start])
		}
		dst = append(dst, id)
		at += n
	}
	return dst
}

func (m *wordPiece) unknown(dst []int32) []int32 {
	if m.unk < 0 {
		return dst
	}
	return append(dst, m.unk)
}

func (m *wordLevel) append(dst []int32, word string) []int32 {
	id, ok := m.ids[word]
	if !ok {
		id = m.unk
	}
	if id < 0 {
		return dst
	}
	return append(dst, id)
}
