package slow

import (
	"fmt"
	"strings"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/added"
	"github.com/belay-ml/belay/models/tok/config"
	"github.com/belay-ml/belay/models/tok/internal/idle"
	"github.com/belay-ml/belay/models/tok/spm"
)

// mark stands for a blank in pieces.
const mark = "▁"

// Tokenizer is a SentencePiece model with what its class does around it. It is immutable; Add makes another one.
type Tokenizer struct {
	class
	model *spm.Model
	unk   string // the text that non-legacy classes put in front
	unkN  int    // and its number of pieces

	added   []*added.Token // in the order of their adding
	byText  map[string]*added.Token
	byID    map[int32]*added.Token
	special map[string]bool // all_special_tokens
	more    map[string]bool // of them those without a role
	matcher *added.Matcher
	remap   map[int32]int32 // pieces whose text is also that of another id
	markID  int32
	before  []int32
	after   []int32
	roles   tok.Special
	size    int
	idle    *idle.List[work]
}

var _ tok.Tokenizer = (*Tokenizer)(nil)

// New puts the class of c around a model.
func New(m *spm.Model, c *config.Config) (*Tokenizer, error) {
	k, err := classOf(c)
	if err != nil {
		return nil, err
	}
	if c.LowerCase != nil && *c.LowerCase {
		return nil, fmt.Errorf("do_lower_case is not supported: it is set in %s", config.File)
	}
	t := &Tokenizer{
		class: k, model: m, size: m.Size() + len(k.extra), idle: new(idle.List[work]),
		byText: map[string]*added.Token{}, byID: map[int32]*added.Token{}, special: map[string]bool{}, more: map[string]bool{},
		roles: tok.Special{BOS: -1, EOS: -1, PAD: -1, UNK: -1},
	}
	if t.markID, _ = m.ID(mark); k.blank {
		t.model = m.WithoutDummyPrefix()
	}
	if k.ownIDs {
		t.roles = tok.Special{BOS: m.BOS(), EOS: m.EOS(), PAD: m.PAD(), UNK: m.Unk()}
		if len(k.extra) > 0 {
			t.roles.BOS, t.roles.PAD = -1, m.Unk()
		}
	}
	if err := t.addAll(c); err != nil {
		return nil, err
	}
	t.refresh()
	for _, text := range k.prefix {
		id, _ := t.ID(text)
		t.before = append(t.before, id)
	}
	return t, t.frame(c)
}

// addAll adds the tokens that the configuration lists, then the special tokens that are not among them.
func (t *Tokenizer) addAll(c *config.Config) error {
	if t.ownIDs && !c.Present {
		return nil
	}
	for _, a := range c.Added {
		if a.Content == "" {
			continue
		}
		if a.ID < 0 || int(a.ID) > t.size+1<<16 {
			return fmt.Errorf("added token %q has the id %d, far beyond the vocabulary", a.Content, a.ID)
		}
		t.put(a)
	}
	for _, r := range c.Roles {
		t.special[r.Text] = true
		if r.Key == config.More {
			t.more[r.Text] = true
		}
		if t.byText[r.Text] == nil {
			a := added.Token{Content: r.Text}
			if r.Token != nil {
				a = *r.Token
			}
			a.Special = true
			t.putFree(&a)
		}
	}
	return nil
}

func (t *Tokenizer) put(a *added.Token) {
	t.added = append(t.added, a)
	t.byText[a.Content] = a
	t.byID[a.ID] = a
	t.size = max(t.size, int(a.ID)+1)
}

// putFree adds a token under its id in the vocabulary or the next free one.
func (t *Tokenizer) putFree(a *added.Token) {
	id, ok := t.ID(a.Content)
	if !ok {
		id = int32(t.size)
	}
	a.ID = id
	t.put(a)
}

// refresh builds what follows from the added tokens.
func (t *Tokenizer) refresh() {
	t.matcher = added.NewMatcher(t.added, func(a *added.Token) string { return a.Content })
	t.remap = map[int32]int32{}
	note := func(text string, id int32) {
		if piece, ok := t.model.ID(text); ok && piece != id {
			t.remap[piece] = id
		}
	}
	for i, text := range t.extra {
		note(text, int32(t.model.Size()+i))
	}
	for _, a := range t.added {
		note(a.Content, a.ID)
	}
}

// frame looks up roles and what stands around a text.
func (t *Tokenizer) frame(c *config.Config) error {
	if t.ownIDs {
		return nil
	}
	for key, role := range map[string]*int32{
		"bos_token": &t.roles.BOS, "eos_token": &t.roles.EOS, "pad_token": &t.roles.PAD, "unk_token": &t.roles.UNK,
	} {
		if text := c.Token(key); text != "" {
			*role, _ = t.ID(text)
		}
	}
	if t.addBOS {
		if t.roles.BOS < 0 {
			return fmt.Errorf("add_bos_token is set in %s, but there is no bos_token", config.File)
		}
		t.before = append(t.before, t.roles.BOS)
	}
	if t.addEOS {
		if t.roles.EOS < 0 {
			return fmt.Errorf("add_eos_token is set in %s, but there is no eos_token", config.File)
		}
		t.after = []int32{t.roles.EOS}
	}
	if t.unk = c.Token("unk_token"); t.blank {
		t.unkN = len(t.model.Encode(nil, t.unk))
	}
	return nil
}

// VocabSize is one more than the largest id.
func (t *Tokenizer) VocabSize() int { return t.size }

// ID is the id of a token by its text.
func (t *Tokenizer) ID(token string) (int32, bool) {
	if a := t.byText[token]; a != nil {
		return a.ID, true
	}
	for i, text := range t.extra {
		if text == token {
			return int32(t.model.Size() + i), true
		}
	}
	return t.model.ID(token)
}

// Token is the text of an id as the vocabulary has it.
func (t *Tokenizer) Token(id int32) string {
	if a := t.byID[id]; a != nil {
		return a.Content
	}
	if i := int(id) - t.model.Size(); i >= 0 && i < len(t.extra) {
		return t.extra[i]
	}
	return t.model.Piece(id)
}

// Special gives the ids of the tokens with a role.
func (t *Tokenizer) Special() tok.Special { return t.roles }

// Add returns a tokenizer that has text as a special token, and its id.
func (t *Tokenizer) Add(text string) (tok.Tokenizer, int32) {
	if text == "" {
		return t, -1
	}
	c := *t
	c.byText, c.byID, c.added = map[string]*added.Token{}, map[int32]*added.Token{}, nil
	c.special, c.more = map[string]bool{text: true}, map[string]bool{}
	for s := range t.special {
		c.special[s] = true
	}
	for s := range t.more {
		c.more[s] = true
	}
	if !t.special[text] {
		c.more[text] = true
	}
	for _, a := range t.added {
		own := *a
		own.Special = own.Special || own.Content == text
		c.put(&own)
	}
	if c.byText[text] == nil {
		c.putFree(&added.Token{Content: text, Special: true})
	}
	c.refresh()
	return &c, c.byText[text].ID
}

// Encode appends the ids of text.
func (t *Tokenizer) Encode(dst []int32, text string, special bool) []int32 {
	if special {
		dst = append(dst, t.before...)
	}
	blank := t.blank && !t.noBlank && text != ""
	if t.blank {
		text = strings.ReplaceAll(text, mark, " ")
	}
	if first, _, _ := t.matcher.Find(text, 0); first == nil {
		dst = t.part(dst, part{text, blank})
	} else {
		dst = t.parts(dst, text, blank)
	}
	if special {
		dst = append(dst, t.after...)
	}
	return dst
}

// part appends the ids of a text without added tokens. A class that puts the blank in front itself hides it from the
// library behind the unknown token.
func (t *Tokenizer) part(dst []int32, p part) []int32 {
	start := len(dst)
	switch {
	case !t.blank || !p.blank && !strings.HasPrefix(p.text, " "):
		dst = t.model.Encode(dst, p.text)
	default:
		before := t.unk
		if p.blank {
			before = t.unk + mark
		}
		dst = t.model.EncodeBehind(dst, before, p.text)
		if len(dst)-start >= t.unkN {
			dst = append(dst[:start], dst[start+t.unkN:]...)
		}
	}
	if len(t.remap) > 0 {
		for i, id := range dst[start:] {
			if to, ok := t.remap[id]; ok {
				dst[start+i] = to
			}
		}
	}
	return dst
}
