package spm

import (
	"encoding/binary"
	"fmt"
	"math"
)

// wire walks the fields of one protobuf message.
type wire struct {
	data []byte
	pos  int
	base int // where data begins in the file, for messages
}

// field is one field: a number for varints and fixed sizes, data for what has a length.
type field struct {
	number int
	kind   int
	bits   uint64
	data   []byte
	at     int // of data in the file
}

// The wire types in use.
const (
	varint  = 0
	fixed64 = 1
	bytes   = 2
	fixed32 = 5
)

func (w *wire) errorf(format string, args ...any) error {
	return fmt.Errorf("at byte %d: %w", w.base+w.pos, fmt.Errorf(format, args...))
}

func (w *wire) done() bool { return w.pos == len(w.data) }

func (w *wire) next() (field, error) {
	tag, err := w.uvarint()
	if err != nil {
		return field{}, err
	}
	f := field{number: int(tag >> 3), kind: int(tag & 7)}
	if tag>>3 == 0 || tag>>3 > 1<<29-1 {
		return f, w.errorf("field number %d is not valid: this is no SentencePiece model", tag>>3)
	}
	switch f.kind {
	case varint:
		f.bits, err = w.uvarint()
		return f, err
	case fixed64:
		if len(w.data)-w.pos < 8 {
			return f, w.errorf("field %d is cut short", f.number)
		}
		f.bits = binary.LittleEndian.Uint64(w.data[w.pos:])
		w.pos += 8
	case bytes:
		n, err := w.uvarint()
		if err != nil {
			return f, err
		}
		if n > uint64(len(w.data)-w.pos) {
			return f, w.errorf("field %d wants %d bytes, but %d are left", f.number, n, len(w.data)-w.pos)
		}
		f.at = w.base + w.pos
		f.data = w.data[w.pos : w.pos+int(n)]
		w.pos += int(n)
	case fixed32:
		if len(w.data)-w.pos < 4 {
			return f, w.errorf("field %d is cut short", f.number)
		}
		f.bits = uint64(binary.LittleEndian.Uint32(w.data[w.pos:]))
		w.pos += 4
	default:
		return f, w.errorf("field %d has the wire type %d: this is no SentencePiece model", f.number, f.kind)
	}
	return f, nil
}

func (w *wire) uvarint() (uint64, error) {
	v, n := binary.Uvarint(w.data[w.pos:])
	if n <= 0 {
		return 0, w.errorf("a number does not end or is too large")
	}
	w.pos += n
	return v, nil
}

// each calls take with every field.
func (w *wire) each(take func(f field) error) error {
	for !w.done() {
		f, err := w.next()
		if err != nil {
			return err
		}
		if err := take(f); err != nil {
			return err
		}
	}
	return nil
}

// message walks the message that the field holds.
func (f field) message(take func(f field) error) error {
	if f.kind != bytes {
		return f.wrong("a message")
	}
	return (&wire{data: f.data, base: f.at}).each(take)
}

func (f field) wrong(want string) error {
	return fmt.Errorf("field %d is not %s: this is no SentencePiece model", f.number, want)
}

func (f field) text(v *string) error {
	if f.kind != bytes {
		return f.wrong("a text")
	}
	*v = string(f.data)
	return nil
}

func (f field) bool(v *bool) error {
	if f.kind != varint {
		return f.wrong("a switch")
	}
	*v = f.bits != 0
	return nil
}

func (f field) int(v *int) error {
	if f.kind != varint {
		return f.wrong("a number")
	}
	*v = int(int32(f.bits))
	return nil
}

func (f field) float(v *float32) error {
	if f.kind != fixed32 {
		return f.wrong("a number of 4 bytes")
	}
	*v = math.Float32frombits(uint32(f.bits))
	return nil
}
