package mapped

import (
	"fmt"
	"io"
	"os"
)

// File is an open file of fixed size. It is safe for concurrent use.
type File struct {
	path string
	f    *os.File
	size int64
	view []byte // nil when the file is not mapped
}

// Open opens path for reading and maps it when it can.
func Open(path string) (*File, error) { return open(path, true) }

// OpenUnmapped opens path without a memory map, for file systems where maps are slow.
func OpenUnmapped(path string) (*File, error) { return open(path, false) }

func open(path string, try bool) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	if st.IsDir() {
		f.Close()
		return nil, fmt.Errorf("open %s: is a directory", path)
	}
	m := &File{path: path, f: f, size: st.Size()}
	if try && m.size > 0 && int64(int(m.size)) == m.size {
		if view, err := mapFile(f, int(m.size)); err == nil {
			m.view = view
		}
	}
	return m, nil
}

// Path is the path given to Open.
func (m *File) Path() string { return m.path }

// Size is the length of the file in bytes when it was opened.
func (m *File) Size() int64 { return m.size }

// Range is n bytes from offset off. It must not be written to.
func (m *File) Range(off, n int64) ([]byte, error) {
	if off < 0 || n < 0 || off > m.size || n > m.size-off {
		return nil, fmt.Errorf("read %s: bytes %d to %d, file has %d", m.path, off, off+n, m.size)
	}
	if m.view != nil {
		return m.view[off : off+n : off+n], nil
	}
	buf := make([]byte, n)
	if _, err := m.f.ReadAt(buf, off); err != nil && !(err == io.EOF && n == 0) {
		return nil, fmt.Errorf("read %s at byte %d: %w", m.path, off, err)
	}
	return buf, nil
}

// Forget gives back the memory of pages that were read; ranges stay valid, and are read again when they are looked at.
func (m *File) Forget() {
	if m.view != nil {
		forget(m.view)
	}
}

// ReadAt reads from the file as io.ReaderAt does.
func (m *File) ReadAt(p []byte, off int64) (int, error) {
	if m.view == nil {
		return m.f.ReadAt(p, off)
	}
	if off < 0 || off >= m.size {
		return 0, io.EOF
	}
	n := copy(p, m.view[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Close unmaps and closes the file; ranges of it are invalid afterwards.
func (m *File) Close() error {
	var err error
	if m.view != nil {
		err = unmapFile(m.view)
		m.view = nil
	}
	if cerr := m.f.Close(); err == nil {
		err = cerr
	}
	return err
}
