package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/belay-ml/belay/models/ckpt/mapped"
)

// Limits of single texts, far above what files have.
const (
	maxText  = 16 << 20 // a chat template is some thousands of bytes
	maxDepth = 4        // arrays in arrays
)

// Array is a list of the metadata.
type Array struct {
	Type string // of its items
	Len  int
}

// The numbers of metadata types.
const (
	tU8 = iota
	tI8
	tU16
	tI16
	tU32
	tI32
	tF32
	tBool
	tText
	tArray
	tU64
	tI64
	tF64
)

var typeNames = [...]string{"uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "bool", "string", "array", "uint64", "int64", "float64"}

// widths are the bytes of a value; 0 for those that say themselves.
var widths = [...]int64{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8}

// least are the bytes that the others have at least: their lengths.
var least = [len(widths)]int64{tText: 8, tArray: 4 + 8}

// reader goes through the head of a file. After the first error it gives zeros.
type reader struct {
	m   *mapped.File
	at  int64
	err error
}

func (r *reader) fail(at int64, format string, args ...any) error {
	if r.err == nil {
		r.err = fmt.Errorf("read gguf %s: byte %d: %s", r.m.Path(), at, fmt.Sprintf(format, args...))
	}
	return r.err
}

// take is the next n bytes; of a file that ends before, zeros for numbers.
func (r *reader) take(n int64) []byte {
	if r.err == nil {
		b, err := r.m.Range(r.at, n)
		if err == nil {
			r.at += n
			return b
		}
		r.fail(r.at, "%d bytes are missing: is the file truncated?", n-(r.m.Size()-r.at))
	}
	return make([]byte, min(n, 8))
}

func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

// room refuses a count that the rest of the file cannot hold.
func (r *reader) room(n uint64, each int64, what string) error {
	if r.err == nil && n > uint64((r.m.Size()-r.at)/each) {
		return r.fail(r.at, "%d %s, but only %d bytes follow: is the file truncated?", n, what, r.m.Size()-r.at)
	}
	return r.err
}

func (r *reader) text() string {
	at, n := r.at, r.u64()
	if r.room(n, 1, "bytes of text") != nil {
		return ""
	}
	if n > maxText {
		r.fail(at, "a text of %d bytes, want at most %d", n, maxText)
		return ""
	}
	b := r.take(int64(n))
	if r.err == nil && !utf8.Valid(b) {
		r.fail(at, "a text that is no UTF-8")
		return ""
	}
	return string(b)
}

// value reads a value of a type.
func (r *reader) value(typ uint32) any {
	at := r.at
	switch typ {
	case tU8:
		return int64(r.take(1)[0])
	case tI8:
		return int64(int8(r.take(1)[0]))
	case tU16:
		return int64(binary.LittleEndian.Uint16(r.take(2)))
	case tI16:
		return int64(int16(binary.LittleEndian.Uint16(r.take(2))))
	case tU32:
		return int64(r.u32())
	case tI32:
		return int64(int32(r.u32()))
	case tF32:
		return float64(math.Float32frombits(r.u32()))
	case tBool:
		return r.take(1)[0] != 0
	case tText:
		return r.text()
	case tU64:
		if v := r.u64(); v > math.MaxInt64 {
			return v
		} else {
			return int64(v)
		}
	case tI64:
		return int64(r.u64())
	case tF64:
		return math.Float64frombits(r.u64())
	case tArray:
		return r.array(0)
	}
	r.fail(at, "type %d of a metadata value is unknown", typ)
	return nil
}

// array passes over a list.
func (r *reader) array(depth int) Array {
	at, typ, n := r.at, r.u32(), r.u64()
	switch {
	case r.err != nil:
		return Array{}
	case int(typ) >= len(typeNames):
		r.fail(at, "type %d of a list's items is unknown", typ)
		return Array{}
	case depth == maxDepth:
		r.fail(at, "lists in lists, %d deep", depth)
		return Array{}
	}
	each := widths[typ]
	if r.room(n, max(each, least[typ]), "items of a list") != nil {
		return Array{}
	}
	switch {
	case each > 0:
		r.at += int64(n) * each
	case typ == tText:
		for range n {
			// Tokens may be any bytes, so they are no texts here.
			size := r.u64()
			if r.room(size, 1, "bytes of a token") != nil {
				return Array{}
			}
			r.at += int64(size)
		}
	default:
		for range n {
			if r.array(depth + 1); r.err != nil {
				return Array{}
			}
		}
	}
	return Array{typeNames[typ], int(n)}
}
