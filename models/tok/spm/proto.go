package spm

import (
	"fmt"
	"strings"
)

// proto collects the fields of a ModelProto.
type proto struct {
	m             *Model
	modelType     int
	bos, eos, pad int // below 0: none
	charsmap      []byte
	denormalizing []byte
	suffix        bool
	normal        [3]*bool // add_dummy_prefix, remove_extra_whitespaces, escape_whitespaces
}

func (p *proto) field(f field) error {
	switch f.number {
	case 1:
		return p.piece(f)
	case 2:
		return f.message(p.trainer)
	case 3:
		return f.message(func(f field) error { return p.normalizer(f, &p.charsmap) })
	case 5:
		return f.message(func(f field) error {
			if f.number == 2 {
				return p.normalizer(f, &p.denormalizing)
			}
			return nil // the library denormalises with the switches of its own normaliser
		})
	}
	return nil
}

func (p *proto) piece(f field) error {
	i := len(p.m.pieces)
	if i == maxPieces {
		return fmt.Errorf("there are more than %d pieces", maxPieces)
	}
	x := piece{kind: Normal}
	err := f.message(func(f field) error {
		switch f.number {
		case 1:
			if len(f.data) > maxPiece {
				return fmt.Errorf("it has %d bytes, more than %d", len(f.data), maxPiece)
			}
			return f.text(&x.text)
		case 2:
			return f.float(&x.score)
		case 3:
			kind := 0
			err := f.int(&kind)
			if err == nil && (kind < int(Normal) || kind > int(Byte)) {
				err = fmt.Errorf("type %d is not known", kind)
			}
			x.kind = Kind(kind)
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("piece %d: %w", i, err)
	}
	p.m.pieces = append(p.m.pieces, x)
	return nil
}

// trainer reads what of the TrainerSpec bears on ids.
func (p *proto) trainer(f field) error {
	switch f.number {
	case 3:
		return f.int(&p.modelType)
	case 24:
		return f.bool(&p.suffix)
	case 35:
		return f.bool(&p.m.fallback)
	case 41:
		return f.int(&p.bos)
	case 42:
		return f.int(&p.eos)
	case 43:
		return f.int(&p.pad)
	case 44:
		return f.text(&p.m.unkSurface)
	case 46:
		return f.text(&p.m.roles.bos)
	case 47:
		return f.text(&p.m.roles.eos)
	case 48:
		return f.text(&p.m.roles.pad)
	}
	return nil
}

func (p *proto) normalizer(f field, charsmap *[]byte) error {
	switch f.number {
	case 2:
		if f.kind != bytes {
			return f.wrong("a table")
		}
		*charsmap = f.data
	case 3, 4, 5:
		v := new(bool)
		p.normal[f.number-3] = v
		return f.bool(v)
	}
	return nil
}

// finish makes the normalisers.
func (p *proto) finish() error {
	if len(p.m.pieces) == 0 {
		return fmt.Errorf("there are no pieces: this is no SentencePiece model")
	}
	on := func(i int) bool { return p.normal[i] == nil || *p.normal[i] }
	p.m.norm = normalizer{dummy: on(0), squeeze: on(1), escape: on(2), suffix: p.suffix}
	if i := strings.IndexByte(p.m.unkSurface, 0); i >= 0 { // a C string ends there
		p.m.unkSurface = p.m.unkSurface[:i]
	}
	var err error
	if len(p.charsmap) > 0 {
		if p.m.norm.charsmap, err = ParseCharsmap(p.charsmap); err != nil {
			return fmt.Errorf("read the normalizer's precompiled_charsmap: %w", err)
		}
	}
	if len(p.denormalizing) > 0 {
		p.m.denorm = &normalizer{}
		if p.m.denorm.charsmap, err = ParseCharsmap(p.denormalizing); err != nil {
			return fmt.Errorf("read the denormalizer's precompiled_charsmap: %w", err)
		}
	}
	return nil
}
