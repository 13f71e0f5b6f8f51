package parquetfile

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// cellOf is one value of a leaf with its levels.
type cellOf struct {
	text     string // of bytes
	bits     uint64 // of numbers
	rep, def uint8
}

// span are the values of a leaf that belong to one value.
type span = []cellOf

// column reads the values of a leaf.
type column struct {
	name     string
	repeated bool
	bytes    bool // rather than numbers
	pages    parquet.Pages
	page     parquet.Page
	from     parquet.ValueReader
	buf      []parquet.Value
	cells    []cellOf // read ahead
	at       int
	// known are the entries of the dictionary that were met, which are kept once.
	known map[*byte]string
}

func leafColumns(c *parquet.Column, to []*parquet.Column) []*parquet.Column {
	if c.Leaf() {
		return append(to, c)
	}
	for _, below := range c.Columns() {
		to = leafColumns(below, to)
	}
	return to
}

func name(c *parquet.Column) string { return strings.Join(c.Path(), ".") }

func newColumn(c *parquet.Column, chunk parquet.ColumnChunk) *column {
	out := &column{name: name(c), repeated: c.MaxRepetitionLevel() > 0, pages: chunk.Pages(), buf: make([]parquet.Value, 256)}
	switch c.Type().Kind() {
	case parquet.ByteArray, parquet.FixedLenByteArray, parquet.Int96:
		out.bytes = true
	}
	return out
}

// take reads the values of so many rows; first is where each begins. bytes is about what they take.
func (c *column) take(rows int) (cells []cellOf, first []int32, bytes int, err error) {
	cells = make([]cellOf, 0, rows)
	if c.repeated {
		first = make([]int32, 0, rows+1)
	}
	for n := 0; ; {
		if c.at == len(c.cells) {
			if err := c.fill(); errors.Is(err, io.EOF) {
				if n < rows {
					return nil, nil, 0, fmt.Errorf("damaged: its rows end %d too early", rows-n)
				}
				break
			} else if err != nil {
				return nil, nil, 0, err
			}
			continue
		}
		v := &c.cells[c.at]
		if v.rep == 0 {
			if n == rows {
				break
			}
			n++
			if c.repeated {
				first = append(first, int32(len(cells)))
			}
		} else if n == 0 {
			return nil, nil, 0, errors.New("damaged: it begins inside a row")
		}
		cells = append(cells, *v)
		bytes += len(v.text) + 8
		c.at++
	}
	if c.repeated {
		first = append(first, int32(len(cells)))
	}
	return cells, first, bytes, nil
}

// fill reads some more values.
func (c *column) fill() error {
	for c.page == nil {
		p, err := c.pages.ReadPage()
		if err != nil {
			return err
		}
		c.page, c.from = p, p.Values()
	}
	n, err := c.from.ReadValues(c.buf)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case n == 0:
		parquet.Release(c.page)
		c.page = nil
		return nil
	}
	if cap(c.cells) < len(c.buf) {
		c.cells = make([]cellOf, 0, len(c.buf))
	}
	c.cells, c.at = c.cells[:0], 0
	for i := range c.buf[:n] {
		v := &c.buf[i]
		c.cells = append(c.cells, cellOf{rep: uint8(v.RepetitionLevel()), def: uint8(v.DefinitionLevel())})
		if !c.bytes && !v.IsNull() {
			c.cells[i].bits = v.Uint64()
		}
	}
	if c.bytes {
		c.texts(c.buf[:n])
	}
	return nil
}

// texts copies what the values point to: their page goes back to the library. Entries of a dictionary are copied when
// they are first met, the others all in one piece.
func (c *column) texts(values []parquet.Value) {
	if c.page.Dictionary() != nil {
		if c.known == nil {
			c.known = map[*byte]string{}
		}
		for i := range values {
			b := values[i].ByteArray()
			if values[i].IsNull() || len(b) == 0 {
				continue
			}
			s, ok := c.known[&b[0]]
			if !ok || len(s) != len(b) {
				s = string(b)
				c.known[&b[0]] = s
			}
			c.cells[i].text = s
		}
		return
	}
	size := 0
	for i := range values {
		if !values[i].IsNull() {
			size += len(values[i].ByteArray())
		}
	}
	var all strings.Builder
	all.Grow(size)
	for i := range values {
		if !values[i].IsNull() {
			all.Write(values[i].ByteArray())
		}
	}
	s := all.String()
	for i := range values {
		if !values[i].IsNull() {
			n := len(values[i].ByteArray())
			c.cells[i].text, s = s[:n], s[n:]
		}
	}
}
