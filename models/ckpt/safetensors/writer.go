package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/pending"
)

// Writer fills one .safetensors file whose tensors are declared up front. It is safe for concurrent
// use.
type Writer struct {
	path    string
	f       *pending.File
	base    int64
	entries map[string]entry

	mu   sync.Mutex
	left map[string]int64 // bytes of declared tensors that are still to come
}

// Create declares the tensors of path and writes the header. A nil meta becomes {"format": "pt"},
// which Python loaders ask for.
func Create(path string, infos []ckpt.Info, meta map[string]string) (*Writer, error) {
	if meta == nil {
		meta = map[string]string{"format": "pt"}
	}
	head, entries, err := header(infos, meta)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	f, err := pending.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	w := &Writer{path: path, f: f, base: int64(len(head)), entries: map[string]entry{}, left: map[string]int64{}}
	for _, e := range entries {
		w.entries[e.Name] = e
		w.left[e.Name] = e.end - e.begin
	}
	if _, err := f.WriteAt(head, 0); err != nil {
		w.Abort()
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	return w, nil
}

// Put writes a declared tensor's elements into its place.
func (w *Writer) Put(name string, data []byte) error {
	if e, ok := w.entries[name]; ok && int64(len(data)) != e.end-e.begin {
		return fmt.Errorf("write %s: tensor %q: %d bytes, want %d for %v %v", w.path, name, len(data), e.end-e.begin, e.DType, e.Shape)
	}
	return w.Append(name, data)
}

// Append writes the next bytes of a declared tensor. The bytes of one tensor must come one after another.
func (w *Writer) Append(name string, data []byte) error {
	e, ok := w.entries[name]
	if !ok {
		return fmt.Errorf("write %s: tensor %q was not declared", w.path, name)
	}
	w.mu.Lock()
	left, open := w.left[name]
	switch {
	case !open:
		w.mu.Unlock()
		return fmt.Errorf("write %s: tensor %q put twice", w.path, name)
	case int64(len(data)) > left:
		w.mu.Unlock()
		return fmt.Errorf("write %s: tensor %q: more than the %d bytes of %v %v", w.path, name, e.end-e.begin, e.DType, e.Shape)
	case int64(len(data)) == left:
		delete(w.left, name)
	default:
		w.left[name] = left - int64(len(data))
	}
	w.mu.Unlock()
	if _, err := w.f.WriteAt(data, w.base+e.end-left); err != nil {
		return fmt.Errorf("write %s: tensor %q: %w", w.path, name, err)
	}
	return nil
}

// Close checks that every tensor was put, syncs the file and gives it its name.
func (w *Writer) Close() error {
	if len(w.left) > 0 {
		missing := make([]string, 0, len(w.left))
		for name := range w.left {
			missing = append(missing, name)
		}
		slices.Sort(missing)
		w.Abort()
		return fmt.Errorf("write %s: %d tensors were not put, first %q", w.path, len(missing), missing[0])
	}
	if err := w.f.Close(); err != nil {
		w.Abort()
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	return nil
}

// Abort removes what was written; the file under the final name, if any, stays as it was.
func (w *Writer) Abort() error { return w.f.Abort() }

// Write copies every tensor of src into path.
func Write(path string, src ckpt.Source, meta map[string]string) error {
	w, err := Create(path, src.List(), meta)
	if err != nil {
		return err
	}
	for _, i := range src.List() {
		data, err := src.Bytes(i.Name)
		if err == nil {
			err = w.Put(i.Name, data)
		}
		if err != nil {
			w.Abort()
			return err
		}
	}
	return w.Close()
}

// storageOrder ranks element types as the format's library sorts them, first in the file first.
var storageOrder = [...]dtype.DType{
	dtype.U64, dtype.I64, dtype.F64, dtype.F32, dtype.U32, dtype.I32, dtype.BF16, dtype.F16,
	dtype.U16, dtype.I16, dtype.F8E4M3, dtype.F8E5M2, dtype.I8, dtype.U8, dtype.Bool,
}

// header lays the tensors out and encodes the length and the JSON, padded with spaces to 8 bytes.
func header(infos []ckpt.Info, meta map[string]string) ([]byte, []entry, error) {
	sorted := slices.Clone(infos)
	slices.SortStableFunc(sorted, func(a, b ckpt.Info) int {
		ra, rb := slices.Index(storageOrder[:], a.DType), slices.Index(storageOrder[:], b.DType)
		if ra != rb {
			return ra - rb
		}
		return strings.Compare(a.Name, b.Name)
	})
	type record struct {
		DType   string   `json:"dtype"`
		Shape   []int    `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	put := func(v any) error {
		if err := enc.Encode(v); err != nil {
			return err
		}
		buf.Truncate(buf.Len() - 1) // Encode ends with a newline
		return nil
	}
	buf.WriteString(`        {`)
	first := true
	if len(meta) > 0 {
		buf.WriteString(`"__metadata__":`)
		if err := put(meta); err != nil {
			return nil, nil, err
		}
		first = false
	}
	var entries []entry
	seen := map[string]bool{"__metadata__": true}
	at := int64(0)
	for _, i := range sorted {
		if seen[i.Name] {
			return nil, nil, fmt.Errorf("tensor name %q twice or reserved", i.Name)
		}
		seen[i.Name] = true
		if i.DType == dtype.Invalid {
			return nil, nil, fmt.Errorf("tensor %q has no element type", i.Name)
		}
		e := entry{Info: i, begin: at, end: at + i.Size()}
		at = e.end
		entries = append(entries, e)
		if !first {
			buf.WriteByte(',')
		}
		first = false
		if err := put(i.Name); err != nil {
			return nil, nil, err
		}
		buf.WriteByte(':')
		shape := i.Shape
		if shape == nil {
			shape = []int{}
		}
		if err := put(record{i.DType.String(), shape, [2]int64{e.begin, e.end}}); err != nil {
			return nil, nil, err
		}
	}
	buf.WriteByte('}')
	for buf.Len()%8 != 0 {
		buf.WriteByte(' ')
	}
	out := buf.Bytes()
	if len(out)-8 > maxHeader {
		return nil, nil, fmt.Errorf("header of %d bytes is beyond the format's limit of %d: write shards", len(out)-8, maxHeader)
	}
	binary.LittleEndian.PutUint64(out, uint64(len(out)-8))
	return out, entries, nil
}
