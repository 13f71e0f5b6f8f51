package torchpt

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/belay-ml/belay/models/ckpt/pending"
)

// alignment of every entry's data, so that tensors can be used from a memory map.
const alignment = 64

// Writer fills one torch file whose structure is known up front. It is safe for concurrent use.
type Writer struct {
	path  string
	f     *pending.File
	slots []slot
	index map[*Tensor]int // slot of a tensor

	mu   sync.Mutex
	left int
}

// slot is a zip entry with its place: the local header at start, the data at data.
type slot struct {
	name        string
	start, data int64
	size        int64
	sum         uint32
	put         bool
	done        int64 // bytes of it that were appended
}

// Create lays out path for the value root and writes everything but the tensors' elements.
func Create(path string, root any) (*Writer, error) {
	text, tensors, err := encode(root)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	base := filepath.Base(path)
	stem := strings.TrimSuffix(base, filepath.Ext(base)) + "/"
	w := &Writer{path: path, index: map[*Tensor]int{}, left: len(tensors)}
	at := w.place(0, stem+"data.pkl", int64(len(text)))
	at = w.place(at, stem+"byteorder", int64(len("little")))
	for i, t := range tensors {
		w.index[t] = len(w.slots)
		at = w.place(at, stem+"data/"+strconv.Itoa(i), t.Size())
	}
	w.place(at, stem+"version", int64(len("3\n")))

	if w.f, err = pending.Create(path); err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	for i, data := range map[int][]byte{0: text, 1: []byte("little"), len(w.slots) - 1: []byte("3\n")} {
		if err := w.fill(i, data); err != nil {
			w.Abort()
			return nil, err
		}
	}
	return w, nil
}

// place appends a slot and returns the offset behind it.
func (w *Writer) place(at int64, name string, size int64) int64 {
	s := slot{name: name, start: at, size: size}
	head := at + 30 + int64(len(name)) + s.wide()
	s.data = (head + 4 + alignment - 1) / alignment * alignment // 4: the padding field's own header
	w.slots = append(w.slots, s)
	return s.data + size
}

// limit32 is where the classic fields of a zip end and the zip64 ones begin.
const limit32 = 0xffffffff

// wide is the length of the zip64 field in the local header.
func (s slot) wide() int64 {
	if s.size >= limit32 {
		return 20
	}
	return 0
}

// Put writes a tensor's contiguous elements into their place.
func (w *Writer) Put(t *Tensor, data []byte) error {
	i, ok := w.index[t]
	if !ok {
		return fmt.Errorf("write %s: tensor was not declared", w.path)
	}
	if int64(len(data)) != w.slots[i].size {
		return fmt.Errorf("write %s: %s: %d bytes, want %d for %v %v", w.path, w.slots[i].name, len(data), w.slots[i].size, t.DType, t.Shape)
	}
	w.mu.Lock()
	twice := w.slots[i].put
	w.slots[i].put = true
	if !twice {
		w.left--
	}
	w.mu.Unlock()
	if twice {
		return fmt.Errorf("write %s: %s put twice", w.path, w.slots[i].name)
	}
	return w.fill(i, data)
}

// Append writes the next elements of a tensor, for one that is never whole in memory. The parts of a
// tensor come in order, one at a time.
func (w *Writer) Append(t *Tensor, data []byte) error {
	i, ok := w.index[t]
	if !ok {
		return fmt.Errorf("write %s: tensor was not declared", w.path)
	}
	s := &w.slots[i]
	if s.done == 0 && int64(len(data)) == s.size {
		return w.Put(t, data)
	}
	if int64(len(data)) > s.size-s.done || s.put {
		return fmt.Errorf("write %s: %s: more than the %d bytes of %v %v", w.path, s.name, s.size, t.DType, t.Shape)
	}
	s.sum = crc32.Update(s.sum, crc32.IEEETable, data)
	if _, err := w.f.WriteAt(data, s.data+s.done); err != nil {
		return fmt.Errorf("write %s: %s: %w", w.path, s.name, err)
	}
	if s.done += int64(len(data)); s.done < s.size {
		return nil
	}
	w.mu.Lock()
	s.put = true
	w.left--
	w.mu.Unlock()
	return w.header(i)
}

// fill writes the local header of a slot and its data.
func (w *Writer) fill(i int, data []byte) error {
	s := &w.slots[i]
	s.sum = crc32.ChecksumIEEE(data)
	if err := w.header(i); err != nil {
		return err
	}
	if _, err := w.f.WriteAt(data, s.data); err != nil {
		return fmt.Errorf("write %s: %s: %w", w.path, s.name, err)
	}
	return nil
}

// header writes the local header of a slot whose sum is known.
func (w *Writer) header(i int) error {
	s := &w.slots[i]
	head := make([]byte, 0, s.data-s.start)
	head = append(head, "PK\x03\x04"...)
	size := uint32(min(s.size, limit32))
	le := binary.LittleEndian
	head = le.AppendUint16(head, 45)     // version needed: zip64
	head = le.AppendUint16(head, 1<<11)  // names are UTF-8
	head = le.AppendUint16(head, 0)      // stored
	head = le.AppendUint16(head, 0)      // time
	head = le.AppendUint16(head, 0x0021) // date: 1980-01-01, so that equal content gives equal files
	head = le.AppendUint32(head, s.sum)
	head = le.AppendUint32(head, size)
	head = le.AppendUint32(head, size)
	head = le.AppendUint16(head, uint16(len(s.name)))
	pad := int(s.data-s.start) - 30 - len(s.name) - int(s.wide()) - 4
	head = le.AppendUint16(head, uint16(int(s.wide())+4+pad))
	head = append(head, s.name...)
	if s.wide() > 0 {
		head = le.AppendUint16(head, 1)
		head = le.AppendUint16(head, 16)
		head = le.AppendUint64(head, uint64(s.size))
		head = le.AppendUint64(head, uint64(s.size))
	}
	head = append(head, "FB"...) // the padding field that PyTorch uses
	head = le.AppendUint16(head, uint16(pad))
	for range pad {
		head = append(head, 'Z')
	}
	if _, err := w.f.WriteAt(head, s.start); err != nil {
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	return nil
}

// Close writes the central directory, syncs the file and gives it its name.
func (w *Writer) Close() error {
	if w.left > 0 {
		w.Abort()
		return fmt.Errorf("write %s: %d tensors were not put", w.path, w.left)
	}
	last := w.slots[len(w.slots)-1]
	at := last.data + last.size
	if _, err := w.f.WriteAt(w.directory(at), at); err != nil {
		w.Abort()
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	if err := w.f.Close(); err != nil {
		w.Abort()
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	return nil
}

// directory is the central directory, to be written at offset at, with its zip64 end where needed.
func (w *Writer) directory(at int64) []byte {
	le := binary.LittleEndian
	var out []byte
	for _, s := range w.slots {
		var extra []byte
		if s.size >= limit32 {
			extra = le.AppendUint64(extra, uint64(s.size))
			extra = le.AppendUint64(extra, uint64(s.size))
		}
		if s.start >= limit32 {
			extra = le.AppendUint64(extra, uint64(s.start))
		}
		if extra != nil {
			extra = append([]byte{1, 0, byte(len(extra)), 0}, extra...)
		}
		out = append(out, "PK\x01\x02"...)
		out = le.AppendUint16(out, 45)
		out = le.AppendUint16(out, 45)
		out = le.AppendUint16(out, 1<<11)
		out = le.AppendUint16(out, 0)
		out = le.AppendUint16(out, 0)
		out = le.AppendUint16(out, 0x0021)
		out = le.AppendUint32(out, s.sum)
		out = le.AppendUint32(out, uint32(min(s.size, limit32)))
		out = le.AppendUint32(out, uint32(min(s.size, limit32)))
		out = le.AppendUint16(out, uint16(len(s.name)))
		out = le.AppendUint16(out, uint16(len(extra)))
		out = append(out, make([]byte, 10)...) // comment length, disk, attributes
		out = le.AppendUint32(out, uint32(min(s.start, limit32)))
		out = append(out, s.name...)
		out = append(out, extra...)
	}
	size, count := int64(len(out)), len(w.slots)
	if at >= limit32 || size >= limit32 || count >= 0xffff {
		end := at + size
		out = append(out, "PK\x06\x06"...)
		out = le.AppendUint64(out, 44)
		out = le.AppendUint16(out, 45)
		out = le.AppendUint16(out, 45)
		out = le.AppendUint64(out, 0) // disks
		out = le.AppendUint64(out, uint64(count))
		out = le.AppendUint64(out, uint64(count))
		out = le.AppendUint64(out, uint64(size))
		out = le.AppendUint64(out, uint64(at))
		out = append(out, "PK\x06\x07"...)
		out = le.AppendUint32(out, 0)
		out = le.AppendUint64(out, uint64(end))
		out = le.AppendUint32(out, 1)
	}
	n := uint16(min(count, 0xffff))
	out = append(out, "PK\x05\x06"...)
	out = le.AppendUint32(out, 0) // disks
	out = le.AppendUint16(out, n)
	out = le.AppendUint16(out, n)
	out = le.AppendUint32(out, uint32(min(size, limit32)))
	out = le.AppendUint32(out, uint32(min(at, limit32)))
	return le.AppendUint16(out, 0)
}

// Abort removes what was written; the file under the final name, if any, stays as it was.
func (w *Writer) Abort() error { return w.f.Abort() }

// Write stores root in path, loading one tensor at a time.
func Write(path string, root any) error {
	w, err := Create(path, root)
	if err != nil {
		return err
	}
	for t := range w.index {
		data, err := t.Bytes()
		if err == nil {
			err = w.Put(t, data)
		}
		if err != nil {
			w.Abort()
			return err
		}
	}
	return w.Close()
}
