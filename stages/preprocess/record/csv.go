package record

import (
	"bufio"
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

func (r *csvReader) cells() ([]string, error) {
	const (
		start = iota // of a cell
		plain
		quoted
		closing // after a quote inside a quoted cell
	)
	var cells []string
	var cell []byte
	state, size := start, 0
	opened := r.line
	for {
		c, err := r.in.ReadByte()
		if errors.Is(err, io.EOF) {
			switch {
			case state == quoted:
				return nil, fmt.Errorf("%s:%d: the quoted cell has no end", r.name, opened)
			case size == 0:
				return nil, io.EOF
			}
			return append(cells, string(cell)), nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s:%d: %w", r.name, r.line, err)
		}
		if size++; size > MaxRecord {
			return nil, fmt.Errorf("%s:%d: the row is larger than %d bytes", r.name, opened, MaxRecord)
		}
		if c == '\n' {
			r.line++
		}
		if state == quoted {
			if c == '"' {
				state = closing
			} else {
				cell = append(cell, c)
			}
			continue
		}
		switch {
		case c == '"' && state == start:
			state, opened = quoted, r.line
		case c == '"' && state == closing:
			cell = append(cell, c)
			state = quoted
		case c == r.comma:
			cells, cell, state = append(cells, string(cell)), cell[:0], start
		case c == '\n' || c == '\r':
			if c == '\r' {
				if next, err := r.in.Peek(1); err == nil && next[0] == '\n' {
					r.in.Discard(1)
				}
				r.line++
			}
			return append(cells, string(cell)), nil
		default:
			cell = append(cell, c)
			state = plain
		}
	}
}
