package record

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
)

// Reader hands out the records of one file.
type Reader interface {
	// Next is the next record; io.EOF ends the file. The record's bytes belong to the caller.
	Next() (Raw, error)
}

// Options change how files are read.
type Options struct {
	// Missing turns CSV cells that the reference's reader takes for missing values into null.
	Missing bool
}

// File is an open data file.
type File struct {
	Reader
	file  *os.File
	close func() error
}

// Open opens a data file by its extension.
func Open(path string, o Options) (*File, error) {
	if err := known(path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open input: %w", err)
	}
	out := &File{file: f, close: func() error { return nil }}
	name := filepath.Base(path)
	ext, compression := extension(name)
	var from io.Reader = f
	switch compression {
	case ".gz":
		z, err := gzip.NewReader(f)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("open input: %s: %w", name, err)
		}
		from, out.close = z, z.Close
	case ".zst":
		z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxRecord))
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("open input: %s: %w", name, err)
		}
		from, out.close = z, func() error { z.Close(); return nil }
	}
	in := bufio.NewReaderSize(from, 1<<16)
	// A byte-order mark is no part of the data.
	if head, _ := in.Peek(3); bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		in.Discard(3)
	}
	l := &lines{in: in, name: name}
	switch formats[ext] {
	case "text":
		out.Reader = newTextReader(l)
	case "csv":
		out.Reader = &csvReader{in: in, name: name, line: 1, missing: o.Missing}
	default:
		if array, err := beginsArray(in); err != nil {
			out.Close()
			return nil, fmt.Errorf("read %s: %w", name, err)
		} else if array {
			out.Reader = &arrayReader{in: in, name: name}
		} else {
			out.Reader = jsonlReader{l}
		}
	}
	return out, nil
}

// Offset is how many bytes of the file were read so far, for progress.
func (f *File) Offset() int64 {
	at, err := f.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0
	}
	return at
}

// Close closes the file.
func (f *File) Close() error { return errors.Join(f.close(), f.file.Close()) }

// beginsArray looks past white space for a bracket.
func beginsArray(in *bufio.Reader) (bool, error) {
	for n := 64; ; n *= 4 {
		head, err := in.Peek(min(n, in.Size()))
		if t := bytes.TrimLeft(head, " \t\r\n"); len(t) > 0 {
			return t[0] == '[', nil
		}
		if err != nil || n >= in.Size() {
			if err != nil && !errors.Is(err, io.EOF) {
				return false, err
			}
			return false, nil
		}
	}
}

// lines reads lines with their numbers.
type lines struct {
	in   *bufio.Reader
	name string
	line int64
}

// next is the next line without its ending; the bytes are the caller's.
func (l *lines) next() ([]byte, error) {
	var line []byte
	for {
		part, err := l.in.ReadSlice('\n')
		if len(line)+len(part) > MaxRecord {
			return nil, fmt.Errorf("%s:%d: the line is longer than %d bytes", l.name, l.line+1, MaxRecord)
		}
		line = append(line, part...)
		if err == nil || errors.Is(err, io.EOF) && len(line) > 0 {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if !errors.Is(err, io.EOF) {
				err = fmt.Errorf("read %s:%d: %w", l.name, l.line+1, err)
			}
			return nil, err
		}
	}
	l.line++
	return bytes.TrimSuffix(line, []byte("\n")), nil
}

// notUTF8 names the first byte of a text that is no UTF-8, or is nil.
func notUTF8(place Place, text []byte) error {
	if utf8.Valid(text) {
		return nil
	}
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return fmt.Errorf("%s: byte %d of the line (%#02x) is not UTF-8", place, at+1, text[at])
		}
		at += size
	}
	return nil
}
