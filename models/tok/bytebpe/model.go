package bytebpe

import (
	"slices"
	"unicode/utf8"

	"github.com/belay-ml/belay/models/tok/internal/idle"
)

// Merge joins the tokens Left and Right into New; its rank is its place in the list.
type Merge struct{ Left, Right, New int32 }

// Config is a vocabulary and the options of a BPE model as tokenizer.json names them.
type Config struct {
	Vocab  map[string]int32 // as written in the file
	Tokens []string         // the same by id
	Merges []Merge
	Ranks  []uint32 // of the merges, below 1<<31; nil: their places in the list
	// Bytes is byte mode: pieces are raw bytes and the vocabulary is written in the Alphabet.
	Bytes bool
	// IgnoreMerges takes a piece that is in the vocabulary as it stands.
	IgnoreMerges bool
	ByteFallback bool  // an unknown rune becomes its bytes' tokens <0x00> to <0xFF>, where all are there
	FuseUnk      bool  // neighbouring unknown runes are one unknown token
	Unk          int32 // id of the unknown token; -1: unknown runes vanish
	Prefix       string
	Suffix       string // continuing_subword_prefix and end_of_word_suffix
}

// Model is an immutable BPE model.
type Model struct {
	c        Config
	alphabet *Alphabet
	merges   pairs
	byteID   [256]int32 // byte mode: id of each byte, -1 without one
	bytePair []uint64   // byte mode: merge value of two bytes, indexed first<<8|second
	hexID    [256]int32 // ids of the tokens <0x00> to <0xFF>, -1 without one
	runeID   []int32    // ids of the runes of the basic plane, -1 without one
	joins    *joins     // where a piece can be cut; nil where places in a word are marked
	complete bool       // byte mode: every byte has an id
	longest  int        // size of the longest token as it is written
	idle     idle.List[Scratch]
}

// New prepares a model; all ids in c must be indexes of c.Tokens.
func New(c Config) *Model {
	m := &Model{c: c, alphabet: NewAlphabet(), merges: newPairs(len(c.Merges))}
	for _, token := range c.Tokens {
		m.longest = max(m.longest, len(token))
	}
	for rank, x := range c.Merges {
		if c.Ranks != nil {
			rank = int(c.Ranks[rank])
		}
		m.merges.put(x.Left, x.Right, value(rank, x.New))
	}
	const hex = "0123456789ABCDEF"
	for b := range 256 {
		m.hexID[b] = m.id("<0x" + string(hex[b>>4]) + string(hex[b&15]) + ">")
		m.byteID[b] = m.id(string(m.alphabet.Rune(byte(b))))
	}
	if c.Bytes {
		m.complete = !slices.Contains(m.byteID[:], -1)
		m.bytePair = make([]uint64, 1<<16)
		for i := range m.bytePair {
			m.bytePair[i] = none
			if l, r := m.byteID[i>>8], m.byteID[i&0xff]; l >= 0 && r >= 0 {
				m.bytePair[i] = m.merges.get(l, r)
			}
		}
		if c.Prefix == "" && c.Suffix == "" {
			m.joins = newJoins(c, func(dst []byte, token string) []byte {
				out, ok := m.alphabet.AppendBytes(dst, token)
				if !ok {
					return append(dst, token...) // no bytes of a text come to this
				}
				return out
			})
		}
		return m
	}
	m.runeID = make([]int32, 1<<16)
	for r := range m.runeID {
		m.runeID[r] = -1
	}
	for text, id := range c.Vocab {
		if r, n := utf8.DecodeRuneInString(text); n == len(text) && n > 0 && r < 1<<16 && (r != utf8.RuneError || n > 1) {
			m.runeID[r] = id
		}
	}
	if c.Prefix == "" && c.Suffix == "" {
		m.joins = newJoins(c, func(dst []byte, token string) []byte { return append(dst, token...) })
	}
	return m
}

func (m *Model) id(token string) int32 {
	if id, ok := m.c.Vocab[token]; ok {
		return id
	}
	return -1
}

// Append appends the ids of one piece of text (a pre-token: raw bytes in byte mode). s is scratch
// memory that no other goroutine uses meanwhile.
func (m *Model) Append(dst []int32, piece string, s *Scratch) []int32 {
	if len(piece) == 0 {
		return dst
	}
	if m.c.Bytes {
		if len(piece) == 1 {
			if id := m.byteID[piece[0]]; id >= 0 {
				return append(dst, id)
			}
		}
		return m.cached(dst, piece, s, true)
	}
	if m.joins == nil {
		return m.cached(dst, piece, s, true)
	}
	if m.c.IgnoreMerges {
		if id, ok := m.c.Vocab[piece]; ok {
			return append(dst, id)
		}
	}
	return m.appendCut(dst, piece, s, false)
}

// appendCut encodes the parts of a piece between places where nothing merges. Places between two ASCII characters, which
// are seldom such, are looked at only where a part is too long for the cache (fine); those beside an invalid byte never.
func (m *Model) appendCut(dst []int32, piece string, s *Scratch, fine bool) []int32 {
	start, last := 0, utf8.RuneError
	for i := 0; i < len(piece); {
		r, n := rune(piece[i]), 1
		if r >= utf8.RuneSelf {
			if r, n = utf8.DecodeRuneInString(piece[i:]); n == 1 {
				last = utf8.RuneError
				i++
				continue
			}
		}
		if (fine || r >= utf8.RuneSelf || last >= utf8.RuneSelf) && i > start && last != utf8.RuneError && m.parts(last, r) && !m.joins.between(piece, i, last, r) {
			dst = m.cachedPart(dst, piece[start:i], s, fine)
			start = i
		}
		last = r
		i += n
	}
	return m.cachedPart(dst, piece[start:], s, fine)
}

// cachedPart encodes a part of a piece; one that is long is cut once more.
func (m *Model) cachedPart(dst []int32, part string, s *Scratch, fine bool) []int32 {
	if len(part) > keyBytes && !fine {
		return m.appendCut(dst, part, s, true)
	}
	return m.cached(dst, part, s, false)
}

// parts says that the symbols of two runes do not touch each other. In rune mode one that the vocabulary lacks may be
// fused with the one before it, and where such runes vanish, those around them are neighbours.
func (m *Model) parts(left, right rune) bool {
	if m.c.Bytes {
		return true
	}
	known := func(r rune) bool { return r < 1<<16 && m.runeID[r] >= 0 }
	return known(right) && (m.c.Unk >= 0 || known(left))
}

// cached looks a short piece up among the recent ones before it merges.
func (m *Model) cached(dst []int32, piece string, s *Scratch, whole bool) []int32 {
	if len(piece) > keyBytes {
		return m.encode(dst, piece, s, whole)
	}
	key := makeKey(piece)
	e := &s.recent[key.slot()]
	size := uint8(len(piece))
	if !whole {
		size |= inner // the same text may be another thing there
	}
	if e.key == key && e.size == size {
		return append(dst, e.ids[:e.n]...)
	}
	start := len(dst)
	dst = m.encode(dst, piece, s, whole)
	if n := len(dst) - start; n <= len(e.ids) {
		e.key, e.size, e.n = key, size, uint8(n)
		copy(e.ids[:], dst[start:])
	}
	return dst
}

// encode turns a piece into symbols and merges them. whole asks for ignore_merges to be respected.
func (m *Model) encode(dst []int32, piece string, s *Scratch, whole bool) []int32 {
	if whole && m.c.IgnoreMerges {
		if id, ok := m.find(piece, s); ok {
			return append(dst, id)
		}
	}
	if whole && m.c.Bytes && m.joins != nil && m.complete && !ascii(piece) {
		return m.appendCut(dst, piece, s, false)
	}
	s.ids = s.ids[:0]
	s.values = s.values[:0]
	if m.c.Bytes && m.byteSymbols(piece, s) {
		return s.merge(dst, &m.merges)
	}
	if m.c.Bytes {
		s.text = m.alphabet.AppendRunes(s.text[:0], piece)
		m.runeSymbols(string(s.text), s)
	} else {
		m.runeSymbols(piece, s)
	}
	for i := 1; i < len(s.ids); i++ {
		s.values = append(s.values, m.merges.get(s.ids[i-1], s.ids[i]))
	}
	if len(s.ids) > 0 {
		s.values = append(s.values, none)
	}
	return s.merge(dst, &m.merges)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (m *Model) find(piece string, s *Scratch) (int32, bool) {
	if len(piece) > m.longest {
		return 0, false
	}
	if !m.c.Bytes {
		id, ok := m.c.Vocab[piece]
		return id, ok
	}
	s.text = m.alphabet.AppendRunes(s.text[:0], piece)
	id, ok := m.c.Vocab[string(s.text)]
	return id, ok
}

// byteSymbols fills the symbols of byte mode; false when a byte has no token of its own or the
// vocabulary marks places in a word.
func (m *Model) byteSymbols(piece string, s *Scratch) bool {
	if m.c.Prefix != "" || m.c.Suffix != "" {
		return false
	}
	last := 0
	for i := range len(piece) {
		b := piece[i]
		id := m.byteID[b]
		if id < 0 {
			s.ids, s.values = s.ids[:0], s.values[:0]
			return false
		}
		if i > 0 {
			s.values = append(s.values, m.bytePair[last<<8|int(b)])
		}
		s.ids = append(s.ids, id)
		last = int(b)
	}
	s.values = append(s.values, none)
	return true
}

// runeSymbols fills the ids of a piece's runes, in the order in which the reference adds them: a
// pending unknown token waits until a known rune or the end, and byte tokens do not count as known.
func (m *Model) runeSymbols(piece string, s *Scratch) {
	pending := false
	for i, n := 0, 0; i < len(piece); i += n {
		var id int32
		id, n = m.symbol(piece, i)
		if id >= 0 {
			if pending {
				s.ids = append(s.ids, m.c.Unk)
				pending = false
			}
			s.ids = append(s.ids, id)
			continue
		}
		if m.c.ByteFallback && m.fallback(piece, i, n, s) {
			continue
		}
		if m.c.Unk >= 0 {
			if pending && !m.c.FuseUnk {
				s.ids = append(s.ids, m.c.Unk)
			}
			pending = true
		}
	}
	if pending {
		s.ids = append(s.ids, m.c.Unk)
	}
}

// symbol is the id of the rune at piece[i:], -1 without one, and its size in bytes.
func (m *Model) symbol(piece string, i int) (int32, int) {
	r, n := utf8.DecodeRuneInString(piece[i:])
	if r == utf8.RuneError && n == 1 {
		return -1, 1
	}
	first, last := i == 0, i+n == len(piece)
	if m.runeID != nil && r < 1<<16 && (first || m.c.Prefix == "") && (!last || m.c.Suffix == "") {
		return m.runeID[r], n
	}
	text := piece[i : i+n]
	if !first {
		text = m.c.Prefix + text
	}
	if last {
		text += m.c.Suffix
	}
	return m.id(text), n
}

func (m *Model) fallback(piece string, i, n int, s *Scratch) bool {
	for k := range n {
		if m.hexID[piece[i+k]] < 0 {
			return false
		}
	}
	for k := range n {
		s.ids = append(s.ids, m.hexID[piece[i+k]])
	}
	return true
}
