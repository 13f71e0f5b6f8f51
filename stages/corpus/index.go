package corpus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"slices"

	"github.com/belay-ml/belay/models/ckpt/mapped"
)

// The header of an .idx: magic, version, type code, counts.
const (
	magic       = "MMIDIDX\x00\x00"
	version     = 1
	headerSize  = 34
	maxSequence = math.MaxInt32
)

// Index is an open token index: sequences of ids, grouped into documents. It is safe for concurrent
// use until Close.
type Index struct {
	prefix    string
	dtype     DType
	sequences int
	documents int // boundaries - 1
	tokens    int64

	idx, bin *mapped.File
	lengths  []byte // 4 bytes each
	pointers []byte // 8 bytes each
	bounds   []byte // 8 bytes each
	modes    []byte // 1 byte each, of multimodal data
}

// Open opens PREFIX.bin and PREFIX.idx and checks every entry of the index against the files' sizes,
// so that no later read can go astray.
func Open(prefix string) (*Index, error) { return open(prefix, mapped.Open) }

// OpenUnmapped is Open for reading that goes all over a large index, a little here and there (ReadAt): by calls, because
// the pages of a map, each with its neighbours, would count as this process's memory.
func OpenUnmapped(prefix string) (*Index, error) { return open(prefix, mapped.OpenUnmapped) }

func open(prefix string, openBin func(path string) (*mapped.File, error)) (_ *Index, err error) {
	x := &Index{prefix: prefix}
	defer func() {
		if err != nil {
			x.Close()
		}
	}()
	if x.idx, err = mapped.Open(prefix + ".idx"); err != nil {
		return nil, fmt.Errorf("open token index: %w", err)
	}
	if x.bin, err = openBin(prefix + ".bin"); err != nil {
		return nil, fmt.Errorf("open token index: %w", err)
	}
	raw, err := x.idx.Range(0, x.idx.Size())
	if err != nil {
		return nil, fmt.Errorf("read %s.idx: %w", prefix, err)
	}
	if err := x.parse(raw, x.bin.Size()); err != nil {
		return nil, fmt.Errorf("read %s.idx: %w", prefix, err)
	}
	x.Forget() // what was checked is needed again in other places at other times
	return x, nil
}

// Forget gives back the memory of what was read of a mapped index.
func (x *Index) Forget() {
	x.idx.Forget()
	x.bin.Forget()
}

// forgetBehind gives back, now and then, the memory of the places that a walk over all has passed.
func (x *Index) forgetBehind(i int) {
	if i&(1<<20-1) == 0 && x.idx != nil {
		x.idx.Forget()
	}
}

// Lengths are the numbers of ids of all sequences.
func (x *Index) Lengths() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range x.sequences {
			x.forgetBehind(i)
			if !yield(x.Len(i)) {
				return
			}
		}
	}
}

// parse takes the index apart. Sizes are compared by subtraction and division, so that no count in
// the header can overflow.
func (x *Index) parse(raw []byte, binSize int64) error {
	if len(raw) < headerSize {
		return fmt.Errorf("%d bytes, a header has %d", len(raw), headerSize)
	}
	if string(raw[:9]) != magic {
		return fmt.Errorf("byte 0: magic is %q, want %q", raw[:9], magic)
	}
	if v := binary.LittleEndian.Uint64(raw[9:]); v != version {
		return fmt.Errorf("byte 9: version is %d, want %d", v, version)
	}
	x.dtype = DType(raw[17])
	if _, _, ok := x.dtype.Range(); !ok {
		return fmt.Errorf("byte 17: element type %s holds no token ids", x.dtype)
	}
	seqs, docs := binary.LittleEndian.Uint64(raw[18:]), binary.LittleEndian.Uint64(raw[26:])
	body := uint64(len(raw) - headerSize)
	if seqs > body/12 {
		return fmt.Errorf("byte 18: %d sequences need %d bytes each, the file has %d after its header", seqs, 12, body)
	}
	rest := body - 12*seqs
	if docs == 0 || docs > rest/8 {
		return fmt.Errorf("byte 26: %d document entries of 8 bytes, the file has %d bytes for them", docs, rest)
	}
	switch extra := rest - 8*docs; extra {
	case 0:
	case seqs:
		x.modes = raw[uint64(len(raw))-extra:]
	default:
		return fmt.Errorf("byte %d: %d bytes follow the document index, want none (or %d mode bytes)", uint64(len(raw))-extra, extra, seqs)
	}
	x.sequences, x.documents = int(seqs), int(docs)-1
	x.lengths = raw[headerSize : headerSize+4*seqs]
	x.pointers = raw[headerSize+4*seqs : headerSize+12*seqs]
	x.bounds = raw[headerSize+12*seqs : headerSize+12*seqs+8*docs]
	return x.check(binSize)
}

// check walks over all entries once.
func (x *Index) check(binSize int64) error {
	size := int64(x.dtype.Size())
	before := [2]int64{} // where the sequence before it lies
	for i := range x.sequences {
		x.forgetBehind(i)
		n, at := int64(int32(binary.LittleEndian.Uint32(x.lengths[4*i:]))), x.pointer(i)
		switch {
		case n < 0:
			return fmt.Errorf("byte %d: sequence %d has length %d", headerSize+4*i, i, n)
		case at < 0 || at > binSize || n > (binSize-at)/size:
			return fmt.Errorf("byte %d: sequence %d lies at byte %d with %d ids of %d bytes, the .bin file has %d bytes",
				headerSize+4*x.sequences+8*i, i, at, n, size, binSize)
		case n > 0 && at < before[1] && at+n*size > before[0]:
			return fmt.Errorf("byte %d: sequence %d lies at bytes %d to %d, over the sequence before it at %d to %d",
				headerSize+4*x.sequences+8*i, i, at, at+n*size, before[0], before[1])
		}
		if n > 0 {
			before = [2]int64{at, at + n*size}
		}
		x.tokens += n
	}
	if x.tokens > binSize/size {
		return fmt.Errorf("byte %d: the sequences hold %d ids, the .bin file has room for %d: some lie over one another", headerSize+4*x.sequences, x.tokens, binSize/size)
	}
	last := int64(0)
	for i := range x.documents + 1 {
		x.forgetBehind(i)
		at := headerSize + 12*x.sequences + 8*i
		v := x.bound(i)
		switch {
		case i == 0 && v != 0:
			return fmt.Errorf("byte %d: document entry 0 is %d, want 0", at, v)
		case v < last:
			return fmt.Errorf("byte %d: document entry %d is %d, less than %d before it", at, i, v, last)
		case v > int64(x.sequences):
			return fmt.Errorf("byte %d: document entry %d is %d, there are %d sequences", at, i, v, x.sequences)
		}
		last = v
	}
	if last != int64(x.sequences) {
		return fmt.Errorf("byte %d: the last document entry is %d, there are %d sequences", headerSize+12*x.sequences+8*x.documents, last, x.sequences)
	}
	return nil
}

func (x *Index) pointer(i int) int64 { return int64(binary.LittleEndian.Uint64(x.pointers[8*i:])) }
func (x *Index) bound(i int) int64   { return int64(binary.LittleEndian.Uint64(x.bounds[8*i:])) }

// Prefix is the path without .bin and .idx.
func (x *Index) Prefix() string { return x.prefix }

// DType is the stored type of the ids.
func (x *Index) DType() DType { return x.dtype }

// Sequences is the number of sequences.
func (x *Index) Sequences() int { return x.sequences }

// Documents is the number of documents.
func (x *Index) Documents() int { return x.documents }

// Tokens is the number of ids of all sequences.
func (x *Index) Tokens() int64 { return x.tokens }

// Len is the number of ids of sequence i.
func (x *Index) Len(i int) int { return int(binary.LittleEndian.Uint32(x.lengths[4*i:])) }

// Mode is the mode byte of sequence i of multimodal data, and 0 of other data.
func (x *Index) Mode(i int) int8 {
	if x.modes == nil {
		return 0
	}
	return int8(x.modes[i])
}

// Multimodal says whether sequences have modes.
func (x *Index) Multimodal() bool { return x.modes != nil }

// raw is sequence i as it is stored, until Close.
func (x *Index) raw(i int) ([]byte, error) {
	b, err := x.bin.Range(x.pointer(i), int64(x.Len(i)*x.dtype.Size()))
	if err != nil {
		return nil, fmt.Errorf("read %s.bin: sequence %d: %w", x.prefix, i, err)
	}
	return b, nil
}

// Document is the half-open range of sequences of document i.
func (x *Index) Document(i int) (from, to int) { return int(x.bound(i)), int(x.bound(i + 1)) }

// Append appends the ids of sequence i to dst.
func (x *Index) Append(dst []int32, i int) ([]int32, error) {
	if i < 0 || i >= x.sequences {
		return dst, fmt.Errorf("read %s: sequence %d of %d", x.prefix, i, x.sequences)
	}
	return x.AppendRange(dst, i, 0, x.Len(i))
}

// AppendRange appends n ids of sequence i, from its id number from on.
func (x *Index) AppendRange(dst []int32, i, from, n int) ([]int32, error) {
	if i < 0 || i >= x.sequences || from < 0 || n < 0 || from > x.Len(i)-n {
		return dst, fmt.Errorf("read %s: ids [%d, %d+%d) of sequence %d of %d", x.prefix, from, from, n, i, x.sequences)
	}
	size := x.dtype.Size()
	raw, err := x.bin.Range(x.pointer(i)+int64(from)*int64(size), int64(n)*int64(size))
	if err != nil {
		return dst, fmt.Errorf("read %s.bin: sequence %d: %w", x.prefix, i, err)
	}
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	out := dst[at:]
	switch x.dtype {
	case U8:
		for k, b := range raw {
			out[k] = int32(b)
		}
	case I8:
		for k, b := range raw {
			out[k] = int32(int8(b))
		}
	case U16:
		for k := range out {
			out[k] = int32(binary.LittleEndian.Uint16(raw[2*k:]))
		}
	case I16:
		for k := range out {
			out[k] = int32(int16(binary.LittleEndian.Uint16(raw[2*k:])))
		}
	case I32:
		if littleEndian() {
			copy(bytesOf(out), raw)
			break
		}
		for k := range out {
			out[k] = int32(binary.LittleEndian.Uint32(raw[4*k:]))
		}
	case I64:
		for k := range out {
			v := int64(binary.LittleEndian.Uint64(raw[8*k:]))
			if v != int64(int32(v)) {
				return dst[:at], fmt.Errorf("read %s.bin: id %d of sequence %d is %d, more than 32 bits", x.prefix, from+k, i, v)
			}
			out[k] = int32(v)
		}
	}
	return dst, nil
}

// ReadAt reads the ids of sequences that lie one after another, as a Writer leaves them, from an id of all on.
func (x *Index) ReadAt(dst []int32, from int64) error {
	if x.dtype != I32 || !littleEndian() {
		return fmt.Errorf("read %s.bin: ids are %s here", x.prefix, x.dtype)
	}
	if len(dst) == 0 {
		return nil
	}
	if _, err := x.bin.ReadAt(bytesOf(dst), 4*from); err != nil {
		return fmt.Errorf("read %s.bin: %d ids from number %d on: %w", x.prefix, len(dst), from, err)
	}
	return nil
}

// Close unmaps both files.
func (x *Index) Close() error {
	var errs []error
	for _, f := range []*mapped.File{x.idx, x.bin} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	x.idx, x.bin = nil, nil
	return errors.Join(errs...)
}

// Exists says whether there is an index under prefix.
func Exists(prefix string) bool {
	_, err := os.Stat(prefix + ".idx")
	return err == nil
}
