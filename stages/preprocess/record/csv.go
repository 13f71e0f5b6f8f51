package record

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// csvReader reads rows of cells under a header. Quotes count at the beginning of a cell only
// and may hold line ends; empty lines are passed over (RFC 4180 as pandas reads it).
type csvReader struct {
	in      *bufio.Reader
	comma   byte // between cells
	name    string
	line    int64 // of the next byte, from 1
	names   []string
	missing bool
	text    []byte // of the row
	ends    []int  // of its cells in text
}

// missingCells are what pandas takes for a missing value.
var missingCells = []string{
	"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
	"NA", "NULL", "NaN", "None", "n/a", "nan", "null",
}

func (r *csvReader) Next() (Raw, error) {
	if r.names == nil {
		names, _, err := r.row()
		if errors.Is(err, io.EOF) {
			return Raw{}, fmt.Errorf("%s: no header line", r.name)
		}
		if err != nil {
			return Raw{}, err
		}
		for i, n := range names {
			if slices.Contains(names[:i], n) {
				return Raw{}, fmt.Errorf("%s:1: column %q stands twice in the header", r.name, n)
			}
		}
		r.names = names
	}
	cells, line, err := r.row()
	if err != nil {
		return Raw{}, err
	}
	place := Place{File: r.name, Line: line}
	if len(cells) > len(r.names) || len(cells) < len(r.names) && !r.missing {
		return Raw{}, place.Errorf(WrongForm, "%d cells, the header has %d columns", len(cells), len(r.names))
	}
	for i, c := range cells {
		if !utf8.ValidString(c) {
			return Raw{}, place.Errorf(NotUTF8, "column %s is not UTF-8", r.names[i])
		}
	}
	raw := Raw{Place: place, Names: r.names, Cells: cells}
	if r.missing {
		return r.withMissing(raw), nil
	}
	return raw, nil
}

// withMissing leaves cells out that count as missing; Decode gives null for what is not there. A row
// with a missing cell before others is therefore renamed.
func (r *csvReader) withMissing(raw Raw) Raw {
	gone := func(c string) bool { return slices.Contains(missingCells, c) || strings.HasPrefix(c, "\x00") }
	if !slices.ContainsFunc(raw.Cells, gone) {
		return raw
	}
	var names, nulls, cells []string
	for i, n := range r.names {
		if i < len(raw.Cells) && !gone(raw.Cells[i]) {
			names, cells = append(names, n), append(cells, raw.Cells[i])
		} else {
			nulls = append(nulls, n)
		}
	}
	raw.Names, raw.Cells = append(names, nulls...), cells
	return raw
}

// row reads the cells of the next row that is not empty, and the line it begins on.
func (r *csvReader) row() (cells []string, line int64, err error) {
	for {
		line = r.line
		if cells, err = r.cells(); err != nil {
			return nil, line, err
		}
		if len(cells) > 1 || cells[0] != "" {
			return cells, line, nil
		}
	}
}

// cells reads one row. Its cells share one text.
func (r *csvReader) cells() ([]string, error) {
	r.text, r.ends = r.text[:0], r.ends[:0]
	opened := r.line
	for begun := false; ; begun = true {
		c, err := r.byte()
		if errors.Is(err, io.EOF) && !begun {
			return nil, io.EOF
		}
		if err == nil && c == '"' {
			c, err = r.quoted()
		}
		for err == nil && c != r.comma && c != '\n' && c != '\r' {
			r.text = append(r.text, c)
			if err = r.plain(); err == nil {
				c, err = r.byte()
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if len(r.text) > MaxRecord {
			return nil, fmt.Errorf("%s:%d: the row is larger than %d bytes", r.name, opened, MaxRecord)
		}
		r.ends = append(r.ends, len(r.text))
		if err == nil && c == r.comma {
			continue
		}
		if err == nil && c == '\r' {
			if next, err := r.in.Peek(1); err == nil && next[0] == '\n' {
				r.in.Discard(1)
			}
			r.line++
		}
		break
	}
	text, from := string(r.text), 0
	out := make([]string, len(r.ends))
	for i, end := range r.ends {
		out[i], from = text[from:end], end
	}
	return out, nil
}

// byte reads one byte and counts lines.
func (r *csvReader) byte() (byte, error) {
	c, err := r.in.ReadByte()
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("read %s:%d: %w", r.name, r.line, err)
	}
	if err == nil && c == '\n' {
		r.line++
	}
	return c, err
}

// plain takes what is buffered of a cell without quotes.
func (r *csvReader) plain() error {
	buf, _ := r.in.Peek(r.in.Buffered())
	n := 0
	for n < len(buf) && buf[n] != r.comma && buf[n] != '\n' && buf[n] != '\r' {
		n++
	}
	r.text = append(r.text, buf[:n]...)
	r.in.Discard(n)
	if len(r.text) > MaxRecord {
		return fmt.Errorf("%s:%d: the row is larger than %d bytes", r.name, r.line, MaxRecord)
	}
	return nil
}

// quoted takes a cell up to its closing quote, and gives the byte behind it. Two quotes are one of the text.
func (r *csvReader) quoted() (byte, error) {
	for opened := r.line; ; {
		buf, _ := r.in.Peek(max(1, r.in.Buffered()))
		n := bytes.IndexByte(buf, '"')
		if n < 0 {
			n = len(buf)
		}
		r.text = append(r.text, buf[:n]...)
		r.line += int64(bytes.Count(buf[:n], []byte{'\n'}))
		r.in.Discard(n)
		if len(r.text) > MaxRecord {
			return 0, fmt.Errorf("%s:%d: the row is larger than %d bytes", r.name, opened, MaxRecord)
		}
		if n == len(buf) && n > 0 {
			continue
		}
		if _, err := r.byte(); errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("%s:%d: the quoted cell has no end", r.name, opened)
		} else if err != nil {
			return 0, err
		}
		c, err := r.byte()
		if err != nil || c != '"' {
			return c, err
		}
		r.text = append(r.text, '"')
	}
}
