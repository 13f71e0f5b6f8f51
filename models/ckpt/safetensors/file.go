package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/mapped"
)

// File is an open .safetensors file. It implements ckpt.Source.
type File struct {
	m       *mapped.File
	base    int64 // file offset of the first data byte
	entries []entry
	index   map[string]int
	meta    map[string]string
}

// Open maps path and checks its header.
func Open(path string) (*File, error) {
	m, err := mapped.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open safetensors: %w", err)
	}
	f, err := open(m)
	if err != nil {
		m.Close()
		return nil, err
	}
	return f, nil
}

func open(m *mapped.File) (*File, error) {
	bad := func(at int64, format string, args ...any) error {
		return fmt.Errorf("read safetensors %s: byte %d: %s", m.Path(), at, fmt.Sprintf(format, args...))
	}
	if m.Size() < 8 {
		return nil, bad(0, "file has %d bytes, too short for a header length", m.Size())
	}
	head, err := m.Range(0, 8)
	if err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(head)
	if n > maxHeader {
		return nil, bad(0, "header length %d is beyond the format's limit of %d: is this a safetensors file?", n, maxHeader)
	}
	if int64(n) > m.Size()-8 {
		return nil, bad(0, "header length %d, but only %d bytes follow: is the file truncated?", n, m.Size()-8)
	}
	text, err := m.Range(8, int64(n))
	if err != nil {
		return nil, err
	}
	f := &File{m: m, base: 8 + int64(n), index: map[string]int{}}
	f.entries, f.meta, err = parseHeader(text, m.Size()-f.base)
	var he *headerError
	if errors.As(err, &he) {
		return nil, bad(8+he.at, "%s", he.msg)
	} else if err != nil {
		return nil, bad(8, "%v", err)
	}
	for i, e := range f.entries {
		f.index[e.Name] = i
	}
	return f, nil
}

// Metadata is the header's __metadata__; nil when it has none.
func (f *File) Metadata() map[string]string { return f.meta }

// List describes every tensor in the order of storage.
func (f *File) List() []ckpt.Info {
	out := make([]ckpt.Info, len(f.entries))
	for i, e := range f.entries {
		out[i] = e.Info
	}
	return out
}

// Bytes is a view of the tensor's elements in the file.
func (f *File) Bytes(name string) ([]byte, error) {
	i, ok := f.index[name]
	if !ok {
		return nil, fmt.Errorf("read %s: no tensor %q", f.m.Path(), name)
	}
	e := f.entries[i]
	return f.m.Range(f.base+e.begin, e.end-e.begin)
}

// Close unmaps the file; slices that Bytes gave are invalid afterwards.
func (f *File) Close() error { return f.m.Close() }
