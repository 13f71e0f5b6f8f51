package hfjson

import (
	"fmt"
	"maps"
	"slices"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/added"
	"github.com/belay-ml/belay/models/tok/bytebpe"
	"github.com/belay-ml/belay/models/tok/config"
	"github.com/belay-ml/belay/models/tok/pretok"
)

// Parts is a byte-level tokenizer that no tokenizer.json describes: tokens that are known by rank.
type Parts struct {
	Tokens  []string // the bytes of each id; "" where an id has no token
	Merges  []bytebpe.Merge
	Ranks   []uint32 // of the merges
	Pattern string   // of words
	NFC     bool     // the text is normalised before anything else
	// Added tokens. Their ids are given; with NFC they are looked for in the normalised text.
	Added   []*added.Token
	Before  []int32 // ids in front of a text
	Special tok.Special
}

// New puts the parts together. A word that is a token is taken as it stands.
func New(p Parts) (*Tokenizer, error) {
	find, err := pretok.Regex(p.Pattern)
	if err != nil {
		return nil, err
	}
	var pre pretokenization
	pre.addSplit(find, pretok.Isolated)
	pre.bytes = true
	v := inAlphabet(p.Tokens)
	v.kind, v.merges, v.bpe.IgnoreMerges = "BPE", p.Merges, true
	t := newEmpty(v)
	if p.NFC {
		t.norm = normalizers{all: []normalizer{newForm("NFC")}}
	}
	t.pre, t.deco, t.roles = pre, decoding{bytes: true}, p.Special
	t.frame = frame{before: p.Before}
	if t.model, err = v.build(true, p.Ranks); err != nil {
		return nil, err
	}
	for _, a := range p.Added {
		own := *a
		own.Normalized = p.NFC
		if at := t.Token(own.ID); at != "" && at != own.Content {
			return nil, fmt.Errorf("added token %q has the id %d of the token %q", own.Content, own.ID, at)
		}
		if int(own.ID) > maxSparse(len(p.Tokens)) {
			return nil, fmt.Errorf("added token %q has the id %d, far beyond the vocabulary", own.Content, own.ID)
		}
		t.put(&own)
	}
	t.refresh()
	return t, nil
}

// inAlphabet writes tokens as byte-level vocabularies do, all in one allocation.
func inAlphabet(tokens []string) *vocabulary {
	alphabet := bytebpe.NewAlphabet()
	var text []byte
	ends := make([]int, len(tokens))
	for i, token := range tokens {
		text = alphabet.AppendRunes(text, token)
		ends[i] = len(text)
	}
	all := string(text)
	v := &vocabulary{tokens: make([]string, len(tokens)), ids: make(map[string]int32, len(tokens))}
	start := 0
	for i, end := range ends {
		if start < end {
			v.tokens[i] = all[start:end]
			v.ids[v.tokens[i]] = int32(i)
		}
		start = end
	}
	return v
}

// Roles reads what the configuration says of the tokens with a role, for a tokenizer made with New.
func (t *Tokenizer) Roles(c *config.Config) *Tokenizer {
	own := *t
	own.byText, own.byID, own.added = maps.Clone(t.byText), maps.Clone(t.byID), slices.Clone(t.added)
	for _, r := range c.Roles {
		if own.byText[r.Text] == nil {
			own.putFree(&added.Token{Content: r.Text, Special: true})
		}
	}
	own.refresh()
	roles := own.roles
	own.setRoles(c)
	for _, r := range []struct{ now, before *int32 }{
		{&own.roles.BOS, &roles.BOS}, {&own.roles.EOS, &roles.EOS}, {&own.roles.PAD, &roles.PAD}, {&own.roles.UNK, &roles.UNK},
	} {
		if *r.now < 0 {
			*r.now = *r.before
		}
	}
	return &own
}
