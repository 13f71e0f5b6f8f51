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

// Writer streams sequences into PREFIX.bin and PREFIX.idx. Ids, lengths and boundaries all go to disk at once, so that
// a writer takes the same memory for any number of sequences. Nothing is visible under the final names before Close.
type Writer struct {
	prefix    string
	o         Options
	low, high int64

	ids, lengths, bounds, modes *part // modes is nil unless multimodal

	at   Mark
	err  error
	done bool
}

// Options say how an index is written.
type Options struct {
	DType      DType
	Multimodal bool // each sequence has a mode byte
	// Work, when it is given, is a directory in which what was written waits for Close and stays after it, under
	// names that follow from the prefix, so that Resume can go on from a Mark. What Close writes is not synced then: such
	// files are a stage's, and the store syncs them, all at once.
	Work string
}

// Mark is a place in an index that is being written.
type Mark struct {
	Sequences int64 `json:"sequences"`
	Documents int64 `json:"documents"`
	Tokens    int64 `json:"tokens"`
	Ended     int64 `json:"ended"` // sequences before the last document end
}

// Create opens a writer for prefix, whose directory must exist.
func Create(prefix string, dtype DType) (*Writer, error) {
	return New(prefix, Options{DType: dtype})
}

// New opens a writer for prefix, whose directory must exist. What an earlier writer left in Options.Work is removed.
func New(prefix string, o Options) (*Writer, error) {
	w, err := prepare(prefix, o)
	if err != nil {
		return nil, err
	}
	err = w.eachPart(func(p **part, name string, _ int64) (err error) {
		*p, err = newPart(prefix, o.Work, name)
		return err
	})
	if err != nil {
		w.release()
		return nil, fmt.Errorf("create token index: %w", err)
	}
	return w, nil
}

// Resume goes on with what a writer of the same prefix and options had written to Options.Work by a mark; what came
// after it is cut off.
func Resume(prefix string, o Options, at Mark) (*Writer, error) {
	w, err := prepare(prefix, o)
	if err != nil {
		return nil, err
	}
	if at.Documents < 0 || at.Tokens < 0 || at.Ended < 0 || at.Ended > at.Sequences || o.Work == "" {
		return nil, fmt.Errorf("resume token index %s: mark %+v", prefix, at)
	}
	w.at = at
	err = w.eachPart(func(p **part, name string, size int64) (err error) {
		*p, err = openPart(prefix, o.Work, name, size)
		return err
	})
	if err != nil {
		w.release()
		return nil, fmt.Errorf("resume token index: %w", err)
	}
	return w, nil
}

func prepare(prefix string, o Options) (*Writer, error) {
	low, high, ok := o.DType.Range()
	if !ok {
		return nil, fmt.Errorf("create token index %s: %s cannot hold token ids", prefix, o.DType)
	}
	if o.DType == I64 || o.DType == I32 {
		low, high = 0, -1 // whatever 32 bits hold
	}
	return &Writer{prefix: prefix, o: o, low: low, high: high}, nil
}

// eachPart visits the parts that an index has, with their sizes at the writer's place.
func (w *Writer) eachPart(do func(p **part, name string, size int64) error) error {
	err := errors.Join(
		do(&w.ids, "ids", w.at.Tokens*int64(w.o.DType.Size())),
		do(&w.lengths, "lengths", 4*w.at.Sequences),
		do(&w.bounds, "bounds", 8*w.at.Documents),
	)
	if w.o.Multimodal {
		err = errors.Join(err, do(&w.modes, "modes", w.at.Sequences))
	}
	return err
}

// Add appends one sequence; an empty one is allowed.
func (w *Writer) Add(ids []int32) error { return w.AddMode(ids, 0) }

// Fill appends one sequence of n ids that fill writes.
func (w *Writer) Fill(n int, fill func(ids []int32) error) error {
	if w.o.DType != I32 || !littleEndian() || n > spillAt/4 {
		ids := make([]int32, n)
		if err := fill(ids); err != nil {
			return err
		}
		return w.Add(ids)
	}
	out, err := w.ids.room(4 * n)
	if err != nil {
		return fmt.Errorf("write %s.bin: %w", w.prefix, err)
	}
	if err := fill(idsOf(out)); err != nil {
		return err
	}
	return w.endSequence(n, 0)
}

// AddMode appends one sequence of multimodal data with its mode byte, which must be 0 for other data.
func (w *Writer) AddMode(ids []int32, mode int8) error {
	if len(ids) > maxSequence {
		return fmt.Errorf("write %s.bin: sequence %d has %d ids, the format takes %d", w.prefix, w.at.Sequences, len(ids), maxSequence)
	}
	if w.low <= w.high {
		for i, id := range ids {
			if int64(id) < w.low || int64(id) > w.high {
				return fmt.Errorf("write %s.bin: id %d of sequence %d is %d, %s holds %d to %d", w.prefix, i, w.at.Sequences, id, w.o.DType, w.low, w.high)
			}
		}
	}
	size := w.o.DType.Size()
	for from := 0; from < len(ids); from += spillAt / 8 {
		some := ids[from:min(from+spillAt/8, len(ids))]
		out, err := w.ids.room(size * len(some))
		if err != nil {
			return fmt.Errorf("write %s.bin: %w", w.prefix, err)
		}
		put(out, some, size)
	}
	return w.endSequence(len(ids), mode)
}

// put stores ids in elements of size bytes.
func put(out []byte, ids []int32, size int) {
	switch size {
	case 1:
		for i, id := range ids {
			out[i] = byte(id)
		}
	case 2:
		for i, id := range ids {
			binary.LittleEndian.PutUint16(out[2*i:], uint16(id))
		}
	case 4:
		if littleEndian() {
			copy(out, bytesOf(ids))
			return
		}
		for i, id := range ids {
			binary.LittleEndian.PutUint32(out[4*i:], uint32(id))
		}
	case 8:
		for i, id := range ids {
			binary.LittleEndian.PutUint64(out[8*i:], uint64(int64(id)))
		}
	}
}

// addRaw appends a sequence as it is stored elsewhere.
func (w *Writer) addRaw(raw []byte, mode int8) error {
	n := len(raw) / w.o.DType.Size()
	for len(raw) > 0 {
		out, err := w.ids.room(min(len(raw), spillAt))
		if err != nil {
			return fmt.Errorf("write %s.bin: %w", w.prefix, err)
		}
		raw = raw[copy(out, raw):]
	}
	return w.endSequence(n, mode)
}

func (w *Writer) endSequence(n int, mode int8) error {
	if w.err != nil {
		return w.err
	}
	if mode != 0 && w.modes == nil {
		return fmt.Errorf("write %s.idx: sequence %d has mode %d in an index without modes", w.prefix, w.at.Sequences, mode)
	}
	out, err := w.lengths.room(4)
	if err != nil {
		return fmt.Errorf("write %s.idx: %w", w.prefix, err)
	}
	binary.LittleEndian.PutUint32(out, uint32(n))
	if w.modes != nil {
		if out, err = w.modes.room(1); err != nil {
			return fmt.Errorf("write %s.idx: %w", w.prefix, err)
		}
		out[0] = byte(mode)
	}
	w.at.Sequences++
	w.at.Tokens += int64(n)
	return nil
}

// EndDocument closes a document at the last sequence added. A document may be empty. A failure shows at the next call
// that can report one.
func (w *Writer) EndDocument() {
	out, err := w.bounds.room(8)
	if err != nil {
		w.err = fmt.Errorf("write %s.idx: %w", w.prefix, err)
		return
	}
	binary.LittleEndian.PutUint64(out, uint64(w.at.Sequences))
	w.at.Documents++
	w.at.Ended = w.at.Sequences
}

// DType is the type that ids are stored in.
func (w *Writer) DType() DType { return w.o.DType }

// Sequences is how many sequences were added.
func (w *Writer) Sequences() int { return int(w.at.Sequences) }

// Documents is how many documents were ended.
func (w *Writer) Documents() int { return int(w.at.Documents) }

// Tokens is how many ids were added.
func (w *Writer) Tokens() int64 { return w.at.Tokens }

// Mark writes everything through to the disk and says where the writer stands, for Resume.
func (w *Writer) Mark() (Mark, error) {
	if w.err != nil {
		return Mark{}, w.err
	}
	err := w.eachPart(func(p **part, _ string, _ int64) error { return (*p).sync() })
	if err != nil {
		return Mark{}, fmt.Errorf("write %s: %w", w.prefix, err)
	}
	return w.at, nil
}

// Close writes the index and publishes both files. Sequences after the last EndDocument make a last
// document. On an error nothing is left under the final names.
func (w *Writer) Close() (err error) {
	if w.done {
		return errors.New("close token index: closed before")
	}
	w.done = true
	defer w.release()
	if w.at.Ended != w.at.Sequences {
		w.EndDocument()
	}
	if w.err != nil {
		return w.err
	}
	if err := w.ids.spill(); err != nil {
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
	if w.o.Work == "" {
		err = errors.Join(idx.Sync(), w.ids.file.Sync())
	}
	if err := errors.Join(err, idx.Chmod(0o644), idx.Close(), w.ids.file.Chmod(0o644)); err != nil {
		return fmt.Errorf("write %s: %w", w.prefix, err)
	}
	// The .idx comes last: it is what readers look for.
	if err := w.publishBin(); err != nil {
		return fmt.Errorf("publish %s.bin: %w", w.prefix, err)
	}
	if err := os.Rename(idx.Name(), w.prefix+".idx"); err != nil {
		return errors.Join(fmt.Errorf("publish %s.idx: %w", w.prefix, err), os.Remove(w.prefix+".bin"))
	}
	return nil
}

// publishBin gives the ids their final name. In a working directory they keep the other one, in case the run is cut
// short before its result counts.
func (w *Writer) publishBin() error {
	from, to := w.ids.file.Name(), w.prefix+".bin"
	if w.o.Work == "" {
		return os.Rename(from, to)
	}
	if err := os.Remove(to); err != nil && !os.IsNotExist(err) {
		return err
	}
	if os.Link(from, to) == nil {
		return nil
	}
	return os.Rename(from, to) // on file systems without links
}

// Abort ends the writer without a result. It does nothing after Close, so that it can be deferred.
func (w *Writer) Abort() {
	if !w.done {
		w.done = true
		w.release()
	}
}

// release closes the parts, and removes those that nobody could find again.
func (w *Writer) release() {
	w.eachPart(func(p **part, _ string, _ int64) error {
		if *p == nil || (*p).file == nil {
			return nil
		}
		(*p).file.Close()
		if w.o.Work == "" {
			os.Remove((*p).file.Name()) // the ids have moved to their final name
		}
		return nil
	})
}

// writeIndex puts the .idx together; positions follow from lengths.
func (w *Writer) writeIndex(to io.Writer) error {
	out := bufio.NewWriterSize(to, spillAt)
	head := make([]byte, 0, headerSize)
	head = append(head, magic...)
	head = binary.LittleEndian.AppendUint64(head, version)
	head = append(head, byte(w.o.DType))
	head = binary.LittleEndian.AppendUint64(head, uint64(w.at.Sequences))
	head = binary.LittleEndian.AppendUint64(head, uint64(w.at.Documents+1))
	out.Write(head) // bufio keeps the first error
	if err := w.lengths.copyTo(out, 4*w.at.Sequences); err != nil {
		return err
	}
	in := bufio.NewReaderSize(io.NewSectionReader(w.lengths.file, 0, 4*w.at.Sequences), spillAt)
	var b [8]byte
	at := int64(0)
	for range w.at.Sequences {
		if _, err := io.ReadFull(in, b[:4]); err != nil {
			return err
		}
		n := int64(binary.LittleEndian.Uint32(b[:4]))
		binary.LittleEndian.PutUint64(b[:], uint64(at))
		out.Write(b[:])
		at += n * int64(w.o.DType.Size())
	}
	binary.LittleEndian.PutUint64(b[:], 0)
	out.Write(b[:])
	if err := w.bounds.copyTo(out, 8*w.at.Documents); err != nil {
		return err
	}
	if w.modes != nil {
		if err := w.modes.copyTo(out, w.at.Sequences); err != nil {
			return err
		}
	}
	return out.Flush()
}
