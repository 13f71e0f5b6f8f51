package corpus

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Writer streams sequences into PREFIX.bin and PREFIX.idx. Ids go to disk at once; only a length per
// sequence and a boundary per document stay in memory. Nothing is visible under the final names
// before Close.
type Writer struct {
	prefix string
	dtype  DType
	low    int64
	high   int64

	file *os.File
	bin  *bufio.Writer

	lengths   []int32
	documents []int64 // sequences before each document end, starting with 0
	tokens    int64
	scratch   []byte
	done      bool
}

// Create opens a writer for prefix, whose directory must exist.
func Create(prefix string, dtype DType) (*Writer, error) {
	low, high, ok := dtype.Range()
	if !ok {
		return nil, fmt.Errorf("create token index %s: %s cannot hold token ids", prefix, dtype)
	}
	file, err := os.CreateTemp(filepath.Dir(prefix), "."+filepath.Base(prefix)+".bin.*")
	if err != nil {
		return nil, fmt.Errorf("create token index: %w", err)
	}
	return &Writer{
		prefix: prefix, dtype: dtype, low: low, high: high,
		file: file, bin: bufio.NewWriterSize(file, 1<<18),
		documents: []int64{0},
	}, nil
}

// Add appends one sequence; an empty one is allowed.
func (w *Writer) Add(ids []int32) error {
	if len(ids) > maxSequence {
		return fmt.Errorf("write %s.bin: sequence %d has %d ids, the format takes %d", w.prefix, len(w.lengths), len(ids), maxSequence)
	}
	size := w.dtype.Size()
	if need := len(ids) * size; cap(w.scratch) < need {
		w.scratch = make([]byte, need)
	}
	out := w.scratch[:len(ids)*size]
	for i, id := range ids {
		if int64(id) < w.low || int64(id) > w.high {
			return fmt.Errorf("write %s.bin: id %d of sequence %d is %d, %s holds %d to %d", w.prefix, i, len(w.lengths), id, w.dtype, w.low, w.high)
		}
		switch size {
		case 1:
			out[i] = byte(id)
		case 2:
			binary.LittleEndian.PutUint16(out[2*i:], uint16(id))
		case 4:
			binary.LittleEndian.PutUint32(out[4*i:], uint32(id))
		case 8:
			binary.LittleEndian.PutUint64(out[8*i:], uint64(int64(id)))
		}
	}
	if _, err := w.bin.Write(out); err != nil {
		return fmt.Errorf("write %s.bin: %w", w.prefix, err)
	}
	w.lengths = append(w.lengths, int32(len(ids)))
	w.tokens += int64(len(ids))
	return nil
}

// EndDocument closes a document at the last sequence added. A document may be empty.
func (w *Writer) EndDocument() { w.documents = append(w.documents, int64(len(w.lengths))) }

// DType is the type that ids are stored in.
func (w *Writer) DType() DType { return w.dtype }

// Sequences is how many sequences were added.
func (w *Writer) Sequences() int { return len(w.lengths) }

// Documents is how many documents were ended.
func (w *Writer) Documents() int { return len(w.documents) - 1 }

// Tokens is how many ids were added.
func (w *Writer) Tokens() int64 { return w.tokens }

// Close writes the index and publishes both files. Sequences after the last EndDocument make a last
// document. On an error nothing is left under the final names.
func (w *Writer) Close() (err error) {
	if w.done {
		return errors.New("close token index: closed before")
	}
	w.done = true
	if w.documents[len(w.documents)-1] != int64(len(w.lengths)) {
		w.EndDocument()
	}
	defer func() {
		if err != nil {
			w.file.Close()
			os.Remove(w.file.Name())
		}
	}()
	if err := w.bin.Flush(); err != nil {
		return fmt.Errorf("write %s.bin: %w", w.prefix, err)
	}
	idx, err := os.CreateTemp(filepath.Dir(w.prefix), "."+filepath.Base(w.prefix)+".idx.*")
	if err != nil {
		return fmt.Errorf("create token index: %w", err)
	}
	defer func() {
		if err != nil {
			idx.Close()
			os.Remove(idx.Name())
		}
	}()
	if err := w.writeIndex(idx); err != nil {
		return fmt.Errorf("write %s.idx: %w", w.prefix, err)
	}
	for _, f := range []*os.File{w.file, idx} {
		if err := errors.Join(f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("write %s: %w", w.prefix, err)
		}
	}
	// The .idx comes last: it is what readers look for.
	if err := os.Rename(w.file.Name(), w.prefix+".bin"); err != nil {
		return fmt.Errorf("publish %s.bin: %w", w.prefix, err)
	}
	if err := os.Rename(idx.Name(), w.prefix+".idx"); err != nil {
		return errors.Join(fmt.Errorf("publish %s.idx: %w", w.prefix, err), os.Remove(w.prefix+".bin"))
	}
	return nil
}

// Abort removes what was written. It does nothing after Close, so that it can be deferred.
func (w *Writer) Abort() {
	if !w.done {
		w.done = true
		w.file.Close()
		os.Remove(w.file.Name())
	}
}

func (w *Writer) writeIndex(to io.Writer) error {
	out := bufio.NewWriterSize(to, 1<<16)
	head := make([]byte, 0, headerSize)
	head = append(head, magic...)
	head = binary.LittleEndian.AppendUint64(head, version)
	head = append(head, byte(w.dtype))
	head = binary.LittleEndian.AppendUint64(head, uint64(len(w.lengths)))
	head = binary.LittleEndian.AppendUint64(head, uint64(len(w.documents)))
	out.Write(head)
	var b [8]byte
	for _, n := range w.lengths {
		binary.LittleEndian.PutUint32(b[:], uint32(n))
		out.Write(b[:4])
	}
	at := int64(0)
	for _, n := range w.lengths {
		binary.LittleEndian.PutUint64(b[:], uint64(at))
		out.Write(b[:])
		at += int64(n) * int64(w.dtype.Size())
	}
	for _, n := range w.documents {
		binary.LittleEndian.PutUint64(b[:], uint64(n))
		out.Write(b[:])
	}
	return out.Flush() // bufio keeps the first error
}
