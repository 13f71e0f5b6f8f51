package record

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/belay-ml/belay/stages/preprocess/record/parquetfile"
)

// Reader hands out the records of one file.
type Reader interface {
	// Next is the next record; io.EOF ends the file. After a Mistake the reader can go on, any other error is its
	// last. The record's bytes belong to the caller.
	Next() (Raw, error)
}

// Options change how files are read.
type Options struct {
	// Missing turns CSV cells that the reference's reader takes for missing values into null.
	Missing bool
	// Repeats lets the last value of a key count that stands twice in a JSON object.
	Repeats bool
	// Columns of tables are read alone; the others are there and null. Nil reads all.
	Columns []string
}

// File is an open data file.
type File struct {
	Reader
	offset func() int64
	close  func() error
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
	out := &File{close: f.Close}
	out.offset = func() int64 {
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return 0
		}
		return at
	}
	if err := out.open(f, filepath.Base(path), o); err != nil {
		out.Close()
		return nil, err
	}
	return out, nil
}

func (f *File) open(file *os.File, name string, o Options) error {
	ext, compression := extension(name)
	if formats[ext] == parquetFormat {
		p, err := parquetfile.Open(file, o.Columns)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		f.Reader, f.offset, f.close = newParquetReader(p, name), p.Read, func() error { return errors.Join(p.Close(), file.Close()) }
		return nil
	}
	from, size, err := f.decompress(file, name, compression)
	if err != nil {
		return err
	}
	if formats[ext] == arrowFormat {
		f.Reader, err = newArrowReader(from, name, size, o.Columns)
		return err
	}
	in := bufio.NewReaderSize(from, 1<<16)
	// A byte-order mark is no part of the data.
	if head, _ := in.Peek(3); bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		in.Discard(3)
	}
	switch formats[ext] {
	case textFormat:
		f.Reader = newTextReader(newLines(in, name))
	case csvFormat, tsvFormat:
		comma := byte(',')
		if formats[ext] == tsvFormat {
			comma = '\t'
		}
		f.Reader = &csvReader{in: in, comma: comma, name: name, line: 1, missing: o.Missing}
	default:
		array, err := beginsArray(in)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if array {
			f.Reader = &arrayReader{in: in, name: name}
		} else {
			f.Reader = jsonlReader{newLines(in, name)}
		}
	}
	return nil
}

// decompress reads through a compression; size is 0 where it is not known.
func (f *File) decompress(file *os.File, name, compression string) (from io.Reader, size int64, err error) {
	closeFile := f.close
	switch compression {
	case ".gz":
		z, err := gzip.NewReader(file)
		if err != nil {
			return nil, 0, fmt.Errorf("open input: %s: %w", name, err)
		}
		f.close = func() error { return errors.Join(z.Close(), closeFile()) }
		return z, 0, nil
	case ".zst":
		z, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxRecord))
		if err != nil {
			return nil, 0, fmt.Errorf("open input: %s: %w", name, err)
		}
		f.close = func() error { z.Close(); return closeFile() }
		return z, 0, nil
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, fmt.Errorf("open input: %s: %w", name, err)
	}
	return file, info.Size(), nil
}

// Offset is how many bytes of the file were read so far, for progress.
func (f *File) Offset() int64 { return f.offset() }

// Close closes the file.
func (f *File) Close() error { return f.close() }

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
