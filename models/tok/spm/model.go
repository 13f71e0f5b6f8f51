package spm

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/belay-ml/belay/models/tok/bytebpe"
	"github.com/belay-ml/belay/models/tok/internal/idle"
	"github.com/belay-ml/belay/models/tok/internal/view"
	"github.com/belay-ml/belay/models/tok/internal/viterbi"
	"github.com/belay-ml/belay/models/tok/trie"
)

// Kind is the type of a piece.
type Kind uint8

// The kinds, by their numbers in the file.
const (
	Normal      Kind = 1
	Unknown     Kind = 2
	Control     Kind = 3 // has no text: <s>, </s>
	UserDefined Kind = 4 // always one piece
	Unused      Kind = 5 // is taken apart again
	Byte        Kind = 6 // <0x00> to <0xFF>
)

type piece struct {
	text  string
	score float32
	kind  Kind
}

// Model is a SentencePiece model.
type Model struct {
	pieces     []piece
	ids        map[string]int32 // of control, unknown and byte pieces before others
	texts      map[string]int32 // of pieces that text can become
	unk        int32
	bytes      [256]int32 // ids of the byte pieces
	fallback   bool       // an unknown character becomes its bytes
	unkSurface string
	roles      roles
	norm       normalizer
	denorm     *normalizer
	user       *trie.Trie // user-defined pieces, nil without any
	userFirst  [256]bool
	fast       *bytebpe.Model          // BPE
	exact      bool                    // BPE goes through the plain definition
	lattice    *viterbi.Model[float32] // unigram
	idle       *idle.List[work]
}

// roles are the texts of the pieces with a role; "" when the trainer was told to have none.
type roles struct{ bos, eos, pad string }

// work is the memory of one Encode.
type work struct {
	text    []byte // normalised
	lattice viterbi.Work[float32]
	exact   exactWork
}

// Limits on what a file may ask for.
const (
	maxPieces = 1 << 22
	maxPiece  = 1 << 14 // bytes
)

// Parse reads the bytes of a .model file.
func Parse(data []byte) (*Model, error) {
	m := &Model{
		unk: -1, unkSurface: " \u2047 ", roles: roles{"<s>", "</s>", "<pad>"},
		idle: new(idle.List[work]),
	}
	p := proto{m: m, modelType: 1, bos: 1, eos: 2, pad: -1}
	if err := (&wire{data: data}).each(p.field); err != nil {
		return nil, err
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	if err := m.index(); err != nil {
		return nil, err
	}
	switch p.modelType {
	case 1:
		m.lattice = newLattice(m)
	case 2:
		m.buildBPE()
	case 3, 4:
		return nil, fmt.Errorf("models of type %s are not supported: only BPE and unigram are", [...]string{"word", "char"}[p.modelType-3])
	default:
		return nil, fmt.Errorf("model type %d is not known: want 1 (unigram) or 2 (BPE)", p.modelType)
	}
	return m, nil
}

// index makes the maps from texts to ids and checks the pieces as the library does.
func (m *Model) index() error {
	m.ids = make(map[string]int32, len(m.pieces))
	m.texts = make(map[string]int32, len(m.pieces))
	for i := range m.bytes {
		m.bytes[i] = -1
	}
	var user []string
	var userIDs []int32
	for i, p := range m.pieces {
		id := int32(i)
		switch {
		case p.text == "":
			return fmt.Errorf("piece %d is empty", i)
		case math.IsNaN(float64(p.score)):
			return fmt.Errorf("piece %d %q: its score is not a number", i, p.text)
		}
		switch p.kind {
		case Normal, UserDefined, Unused:
			if _, twice := m.texts[p.text]; twice {
				return fmt.Errorf("piece %d %q is there twice", i, p.text)
			}
			m.texts[p.text] = id
			if p.kind == UserDefined {
				user, userIDs = append(user, p.text), append(userIDs, id)
			}
		case Control, Unknown, Byte:
			if _, twice := m.ids[p.text]; twice {
				return fmt.Errorf("piece %d %q is there twice", i, p.text)
			}
			m.ids[p.text] = id
		}
		switch p.kind {
		case Unknown:
			if m.unk >= 0 {
				return fmt.Errorf("piece %d %q: there is an unknown piece already", i, p.text)
			}
			m.unk = id
		case Byte:
			b, ok := byteOf(p.text)
			if !ok {
				return fmt.Errorf("piece %d %q is no byte: want <0x00> to <0xFF>", i, p.text)
			}
			if !m.fallback {
				return fmt.Errorf("piece %d %q: there are byte pieces, but byte_fallback is off", i, p.text)
			}
			m.bytes[b] = id
		}
	}
	if m.unk < 0 {
		return errors.New("there is no unknown piece")
	}
	if m.fallback {
		for b, id := range m.bytes {
			if id < 0 {
				return fmt.Errorf("byte_fallback is on, but there is no piece <0x%02X>", b)
			}
		}
	}
	for text, id := range m.texts {
		if _, reserved := m.ids[text]; !reserved {
			m.ids[text] = id
		}
	}
	if len(user) > 0 {
		m.user = trie.New(user, userIDs)
		for b := range m.userFirst {
			m.userFirst[b] = m.user.Has(byte(b))
		}
	}
	m.norm.user = m.user
	if m.denorm != nil {
		m.denorm.user = m.user
	}
	return nil
}

// byteOf is the byte that a text like <0x0A> stands for.
func byteOf(text string) (byte, bool) {
	if len(text) != 6 || text[:3] != "<0x" || text[5] != '>' {
		return 0, false
	}
	hi, ok := hexDigit(text[3])
	lo, ok2 := hexDigit(text[4])
	return hi<<4 | lo, ok && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// Size is the number of pieces.
func (m *Model) Size() int { return len(m.pieces) }

// ID is the id of a piece by its text, and whether there is one.
func (m *Model) ID(text string) (int32, bool) {
	id, ok := m.ids[text]
	return id, ok
}

// Piece is the text of an id, "" when there is none.
func (m *Model) Piece(id int32) string {
	if id < 0 || int(id) >= len(m.pieces) {
		return ""
	}
	return m.pieces[id].text
}

// Kind is the kind of an id, 0 when there is none.
func (m *Model) Kind(id int32) Kind {
	if id < 0 || int(id) >= len(m.pieces) {
		return 0
	}
	return m.pieces[id].kind
}

// Unk, BOS, EOS and PAD are the ids of the pieces with a role; -1 without one.
func (m *Model) Unk() int32 { return m.unk }

// BOS is the id of the piece that begins a text, -1 without one.
func (m *Model) BOS() int32 { return m.control(m.roles.bos) }

// EOS is the id of the piece that ends a text, -1 without one.
func (m *Model) EOS() int32 { return m.control(m.roles.eos) }

// PAD is the id of the piece that fills up a batch, -1 without one.
func (m *Model) PAD() int32 { return m.control(m.roles.pad) }

func (m *Model) control(text string) int32 {
	if id, ok := m.ids[text]; ok && m.pieces[id].kind == Control {
		return id
	}
	return -1
}

// WithoutDummyPrefix is the model that puts no blank in front.
func (m *Model) WithoutDummyPrefix() *Model {
	c := *m
	c.norm.dummy = false
	return &c
}

// Encode appends the ids of text. No piece of the vocabulary is recognised as a control piece.
func (m *Model) Encode(dst []int32, text string) []int32 { return m.EncodeBehind(dst, "", text) }

// EncodeBehind appends the ids of before and text together.
func (m *Model) EncodeBehind(dst []int32, before, text string) []int32 {
	w := m.idle.Take()
	w.text = m.norm.append(w.text[:0], before, text)
	switch {
	case len(w.text) == 0:
	case m.lattice != nil:
		dst = m.unigram(dst, view.String(w.text), w)
	case m.exact:
		dst = m.exactBPE(dst, view.String(w.text), &w.exact)
	default:
		dst = m.bpe(dst, view.String(w.text))
	}
	m.keep(w)
	return dst
}

// keep holds the memory for the next call, unless one huge text made it large.
func (m *Model) keep(w *work) {
	const most = 4 << 20
	if cap(w.text) > most {
		*w = work{}
	}
	m.idle.Put(w)
}

// emit appends the id of a piece: for an unknown one its bytes, or the unknown piece unless that is the last already.
func (m *Model) emit(dst []int32, text string, id int32, wasUnk bool) []int32 {
	switch {
	case id != m.unk:
		return append(dst, id)
	case m.fallback:
		for i := range len(text) {
			dst = append(dst, m.bytes[text[i]])
		}
		return dst
	case wasUnk:
		return dst
	}
	return append(dst, id)
}

// allKnown says whether every character of a text is a piece by itself.
func (m *Model) allKnown(text string) bool {
	for i, n := 0, 0; i < len(text); i += n {
		n = viterbi.CharLen(text[i:])
		if _, ok := m.ids[text[i:i+n]]; !ok {
			return false
		}
	}
	return utf8.ValidString(text)
}
