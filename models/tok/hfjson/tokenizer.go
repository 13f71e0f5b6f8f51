package hfjson

import (
	"fmt"
	"slices"
	"sync"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/added"
	"github.com/belay-ml/belay/models/tok/bytebpe"
	"github.com/belay-ml/belay/models/tok/config"
	"github.com/belay-ml/belay/models/tok/internal/idle"
	"github.com/belay-ml/belay/models/tok/internal/view"
	"github.com/belay-ml/belay/models/tok/pretok"
)

// Tokenizer is a tokenizer.json put to work. It is immutable; Add makes another one.
type Tokenizer struct {
	vocab *vocabulary
	model *bytebpe.Model // BPE
	other segmenter      // the other models
	norm  normalizers
	pre   pretokenization
	deco  decoding
	frame frame
	roles tok.Special

	added      []*added.Token // in the order of their adding
	byText     map[string]*added.Token
	byID       map[int32]*added.Token
	plain      *added.Matcher // tokens looked for in the text as it comes
	normalized *added.Matcher // and in the normalised text
	size       int
	idle       *idle.List[work]
	raw        func() *rawTokens
}

var _ tok.Tokenizer = (*Tokenizer)(nil)

// segmenter is a model that looks after its memory itself.
type segmenter interface {
	append(dst []int32, piece string) []int32
}

// work is the memory of one Encode.
type work struct {
	scratch *bytebpe.Scratch
	parts   [2][]added.Part
	pieces  [2][]piece
	spans   []pretok.Span
	text    []byte // normalised
}

// newTokenizer puts the parts of d together, as far as c changes them.
func newTokenizer(d *document, c *config.Config) (*Tokenizer, error) {
	t := newEmpty(d.model)
	var err error
	if t.norm, err = parseNormalizer(d.normalizer); err != nil {
		return nil, err
	}
	if t.pre, err = parsePretokenizer(d.pre, prefixSpaceOverride(c)); err != nil {
		return nil, err
	}
	if t.frame, err = parsePost(d.post); err != nil {
		return nil, err
	}
	if t.deco, err = parseDecoder(d.deco); err != nil {
		return nil, err
	}
	if t.other, err = d.model.other(); err != nil {
		return nil, err
	}
	if t.other != nil {
		err = t.pre.rewriteBytes()
	} else {
		t.model, err = d.model.build(t.pre.bytes, nil)
	}
	if err != nil {
		return nil, err
	}
	if err := t.addAll(d.added, c); err != nil {
		return nil, err
	}
	t.refresh()
	t.setRoles(c)
	if ownsFrame(c) {
		err = t.setFrame(c)
	}
	return t, err
}

// newEmpty is a tokenizer without added tokens, whose parts are still to be set.
func newEmpty(v *vocabulary) *Tokenizer {
	return &Tokenizer{
		vocab: v, size: len(v.tokens), idle: new(idle.List[work]),
		byText: map[string]*added.Token{}, byID: map[int32]*added.Token{},
	}
}

// addAll adds the tokens of tokenizer.json, then those that only the configuration has.
func (t *Tokenizer) addAll(list []*added.Token, c *config.Config) error {
	special := map[string]bool{}
	for _, r := range c.Roles {
		special[r.Text] = true
	}
	for _, a := range list {
		if a.Content == "" || t.byText[a.Content] != nil {
			continue
		}
		if id, ok := t.vocab.ids[a.Content]; ok {
			a.ID = id
		} else if at := t.Token(a.ID); at != "" {
			return fmt.Errorf("added token %q has the id %d of the token %q", a.Content, a.ID, at)
		}
		if int(a.ID) > maxSparse(len(t.vocab.ids)+len(list)) {
			return fmt.Errorf("added token %q has the id %d, far beyond the vocabulary", a.Content, a.ID)
		}
		a.Special = a.Special || special[a.Content]
		t.put(a)
	}
	for _, a := range c.Added {
		if have := t.byText[a.Content]; have != nil {
			have.Special = have.Special || a.Special
		} else if a.Content != "" {
			a.Special = a.Special || special[a.Content]
			t.putFree(a)
		}
	}
	for _, r := range c.Roles {
		if t.byText[r.Text] == nil {
			t.putFree(&added.Token{Content: r.Text, Special: true})
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
	id, ok := t.vocab.ids[a.Content]
	if !ok {
		id = int32(t.size)
	}
	a.ID = id
	t.put(a)
}

// refresh builds what follows from the added tokens.
func (t *Tokenizer) refresh() {
	var plain, normalized []*added.Token
	for _, a := range t.added {
		if a.Normalized {
			normalized = append(normalized, a)
		} else {
			plain = append(plain, a)
		}
	}
	t.plain = added.NewMatcher(plain, func(a *added.Token) string { return a.Content })
	t.normalized = added.NewMatcher(normalized, func(a *added.Token) string { return t.norm.apply(a.Content) })
	t.raw = sync.OnceValue(t.rawTokens)
}

func (t *Tokenizer) setRoles(c *config.Config) {
	t.roles = tok.Special{BOS: -1, EOS: -1, PAD: -1, UNK: -1}
	for _, r := range c.Roles {
		id, _ := t.ID(r.Text)
		switch r.Key {
		case "bos_token":
			t.roles.BOS = id
		case "eos_token":
			t.roles.EOS = id
		case "pad_token":
			t.roles.PAD = id
		case "unk_token":
			t.roles.UNK = id
		}
	}
}

// setFrame puts bos and eos around texts by the switches of the configuration.
func (t *Tokenizer) setFrame(c *config.Config) error {
	t.frame = frame{}
	if c.AddBOS == nil || *c.AddBOS {
		if t.roles.BOS < 0 {
			return fmt.Errorf("add_bos_token is set in %s, but there is no bos_token", config.File)
		}
		t.frame.before = []int32{t.roles.BOS}
	}
	if c.AddEOS != nil && *c.AddEOS {
		if t.roles.EOS < 0 {
			return fmt.Errorf("add_eos_token is set in %s, but there is no eos_token", config.File)
		}
		t.frame.after = []int32{t.roles.EOS}
	}
	return nil
}

// ownsFrame says whether the class puts bos and eos around a text by add_bos_token and add_eos_token,
// whatever the post-processor of tokenizer.json is.
func ownsFrame(c *config.Config) bool {
	switch c.Class {
	case "LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer", "InternLM2Tokenizer":
		return true
	}
	return false
}

// prefixSpaceOverride is the add_prefix_space with which the class replaces that of a lone ByteLevel pre-tokenizer.
func prefixSpaceOverride(c *config.Config) *bool {
	yes := c.PrefixSpace != nil && *c.PrefixSpace
	switch {
	case c.Class == "GPT2Tokenizer", c.Class == "BloomTokenizer" && yes:
		return &yes
	}
	return nil
}

// VocabSize is one more than the largest id.
func (t *Tokenizer) VocabSize() int { return t.size }

// ID is the id of a token by its text as the vocabulary has it.
func (t *Tokenizer) ID(token string) (int32, bool) {
	if a := t.byText[token]; a != nil {
		return a.ID, true
	}
	id, ok := t.vocab.ids[token]
	return id, ok
}

// Token is the text of an id as the vocabulary has it.
func (t *Tokenizer) Token(id int32) string {
	if a := t.byID[id]; a != nil {
		return a.Content
	}
	if id < 0 || int(id) >= len(t.vocab.tokens) {
		return ""
	}
	return t.vocab.tokens[id]
}

// Special gives the ids of the tokens with a role.
func (t *Tokenizer) Special() tok.Special { return t.roles }

// Add returns a tokenizer that has text as a special token, and its id.
func (t *Tokenizer) Add(text string) (tok.Tokenizer, int32) {
	c := *t
	c.byText, c.byID, c.added = map[string]*added.Token{}, map[int32]*added.Token{}, nil
	for _, a := range t.added {
		own := *a
		if own.Content == text {
			own.Special = true
		}
		c.put(&own)
	}
	if text != "" && c.byText[text] == nil {
		c.putFree(&added.Token{Content: text, Special: true})
	}
	c.refresh()
	id, ok := c.ID(text)
	if !ok {
		id = -1
	}
	return &c, id
}

// Encode appends the ids of text.
func (t *Tokenizer) Encode(dst []int32, text string, special bool) []int32 {
	w := t.idle.Take()
	if t.model != nil {
		w.scratch = t.model.Scratch()
	}
	if special {
		dst = append(dst, t.frame.before...)
	}
	w.parts[0] = t.plain.Cut(w.parts[0][:0], text)
	for _, p := range w.parts[0] {
		if p.ID != added.None {
			dst = append(dst, p.ID)
			continue
		}
		dst = t.encodeText(dst, p.Text, p.Start == 0, w)
	}
	if special {
		dst = append(dst, t.frame.after...)
	}
	if t.model != nil {
		t.model.Release(w.scratch)
		w.scratch = nil
	}
	if cap(w.text) > 4<<20 {
		w.text = nil
	}
	clear(w.parts[0]) // hold no caller's text
	clear(w.parts[1])
	t.idle.Put(w)
	return dst
}

// encodeText encodes what holds no plain added token.
func (t *Tokenizer) encodeText(dst []int32, text string, first bool, w *work) []int32 {
	if t.norm.plain != nil {
		w.text = t.norm.plain.append(w.text[:0], text)
		text = view.String(w.text)
	} else {
		text = t.norm.apply(text)
	}
	if t.normalized.Empty() {
		return t.encodePieces(dst, text, first, w)
	}
	w.parts[1] = t.normalized.Cut(w.parts[1][:0], text)
	for _, p := range w.parts[1] {
		if p.ID != added.None {
			dst = append(dst, p.ID)
			continue
		}
		dst = t.encodePieces(dst, p.Text, first && p.Start == 0, w)
	}
	return dst
}

func (t *Tokenizer) encodePieces(dst []int32, text string, first bool, w *work) []int32 {
	switch {
	case t.pre.scan != nil:
		for i := 0; i < len(text); {
			end, _ := t.pre.scan(text, i)
			dst = t.segment(dst, text[i:end], w)
			i = end
		}
	case len(t.pre.steps) == 0:
		dst = t.segment(dst, text, w)
	default:
		for _, p := range t.pre.run(piece{text, first}, w) {
			dst = t.segment(dst, p.text, w)
		}
		clear(w.pieces[0])
		clear(w.pieces[1])
	}
	return dst
}

func (t *Tokenizer) segment(dst []int32, piece string, w *work) []int32 {
	if t.model != nil {
		return t.model.Append(dst, piece, w.scratch)
	}
	return t.other.append(dst, piece)
}

// rawTokens is each token as the bytes that it stands for, for decoders of byte-level vocabularies.
type rawTokens struct {
	bytes  []byte
	offset []uint32 // by id, and one more
}

func (t *Tokenizer) rawTokens() *rawTokens {
	alphabet := bytebpe.NewAlphabet()
	r := &rawTokens{offset: make([]uint32, 1, t.size+1)}
	for id := range t.size {
		r.bytes = appendToken(r.bytes, t.Token(int32(id)), alphabet)
		r.offset = append(r.offset, uint32(len(r.bytes)))
	}
	r.bytes = slices.Clip(r.bytes)
	return r
}

// Decode is the text of ids. Ids without a token are left out.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	if t.deco.bytes {
		raw := make([]byte, 0, 4*len(ids))
		for _, id := range ids {
			raw, _ = t.AppendBytes(raw, id, skipSpecial)
		}
		return tok.Replace(raw)
	}
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		if text := t.Token(id); text != "" && !(skipSpecial && t.special(id)) {
			tokens = append(tokens, text)
		}
	}
	return t.deco.run(tokens)
}

func (t *Tokenizer) special(id int32) bool {
	a := t.byID[id]
	return a != nil && a.Special
}

// AppendBytes appends the bytes of one token, which need not be whole runes. It is false for
// vocabularies whose tokens mean something only side by side; their texts come from Decode.
func (t *Tokenizer) AppendBytes(dst []byte, id int32, skipSpecial bool) ([]byte, bool) {
	if !t.deco.bytes {
		return dst, false
	}
	if id < 0 || int(id) >= t.size || skipSpecial && t.special(id) {
		return dst, true
	}
	r := t.raw()
	return append(dst, r.bytes[r.offset[id]:r.offset[id+1]]...), true
}
