package corpus

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	// spillAt is how many bytes a part holds before it writes them.
	spillAt = 1 << 18
	// backAt is how many bytes are written before they are on their way to the disk.
	backAt = 4 << 20
)

// part is a file of an index in the making.
type part struct {
	file    *os.File
	buf     []byte
	written int64
	back    int64 // of those written, on their way to the disk
}

// partPath is where a part waits in a working directory.
func partPath(prefix, work, name string) string {
	return filepath.Join(work, filepath.Base(prefix)+"."+name)
}

// newPart makes an empty part: in work under a name that can be found again, or else hidden beside the prefix.
func newPart(prefix, work, name string) (*part, error) {
	var f *os.File
	var err error
	if work == "" {
		f, err = os.CreateTemp(filepath.Dir(prefix), "."+filepath.Base(prefix)+"."+name+".*")
	} else {
		path := partPath(prefix, work, name)
		// The old file may be the same one as a published .bin: it is left alone, not emptied.
		if err = os.Remove(path); err == nil || os.IsNotExist(err) {
			f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		}
	}
	if err != nil {
		return nil, err
	}
	return &part{file: f, buf: make([]byte, 0, 2*spillAt)}, nil
}

// openPart finds a part that was left behind, and cuts it to size.
func openPart(prefix, work, name string, size int64) (*part, error) {
	path := partPath(prefix, work, name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() < size {
		return nil, fmt.Errorf("%s has %d bytes, %d were written", path, info.Size(), size)
	}
	if err := os.Chmod(path, 0o644); err != nil { // the store may have published it, read-only, before it died
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	p := &part{file: f, buf: make([]byte, 0, 2*spillAt), written: size, back: size}
	if err = f.Truncate(size); err == nil {
		_, err = f.Seek(size, io.SeekStart)
	}
	return p, err
}

// room is n bytes at the end of the buffer to be filled in; n is at most spillAt.
func (p *part) room(n int) ([]byte, error) {
	if len(p.buf) >= spillAt {
		if err := p.spill(); err != nil {
			return nil, err
		}
	}
	at := len(p.buf)
	p.buf = p.buf[:at+n]
	return p.buf[at:], nil
}

// spill writes the buffer.
func (p *part) spill() error {
	if len(p.buf) == 0 {
		return nil
	}
	n, err := p.file.Write(p.buf)
	p.buf = p.buf[:0]
	if p.written += int64(n); p.written-p.back >= backAt {
		writeBack(p.file, p.back, p.written-p.back)
		p.back = p.written
	}
	return err
}

// sync writes the buffer through to the disk.
func (p *part) sync() error {
	if err := p.spill(); err != nil {
		return err
	}
	return p.file.Sync()
}

// copyTo appends the whole part to a writer.
func (p *part) copyTo(w io.Writer, size int64) error {
	if err := p.spill(); err != nil {
		return err
	}
	_, err := io.Copy(w, io.NewSectionReader(p.file, 0, size))
	return err
}
