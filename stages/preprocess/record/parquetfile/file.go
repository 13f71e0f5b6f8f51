package parquetfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/belay-ml/belay/models/chat/ordjson"
)

const (
	blockRows  = 1024
	blockBytes = 1 << 20
	// tailBytes are the magic word and the footer's length; headBytes the magic word.
	headBytes, tailBytes = 4, 8
)

// File hands out the rows of a file.
type File struct {
	from   *os.File
	size   int64
	table  *parquet.File
	names  []string
	nodes  []node // without a value for columns that are not wanted
	leaves int
	reads  []bool // by leaf

	group   int       // of row groups, the next
	columns []*column // by leaf; nil for those that are not wanted
	left    int64     // rows of the row group
	perRow  int       // bytes of a row, guessed from the block before
	read    int64     // bytes of the row groups that are begun
}

// Block is a stretch of rows.
type Block struct {
	file  *File
	rows  int
	bytes int
	cells [][]cellOf // by leaf
	first [][]int32  // by leaf, where each row begins, and the end; nil for leaves that have one value a row
}

// Open reads the footer. The file stays the caller's. Columns that are not wanted are not read, and their values are
// nil; nil wants all.
func Open(f *os.File, wanted []string) (out *File, err error) {
	defer recovered(&err)
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	out = &File{from: f, size: info.Size(), perRow: blockBytes / 256}
	if err := frame(f, out.size); err != nil {
		return nil, err
	}
	out.table, err = parquet.OpenFile(f, out.size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(1<<16))
	if err != nil {
		return nil, fmt.Errorf("damaged: %w", err)
	}
	b := builder{elements: out.table.Metadata().Schema[1:]}
	for _, c := range out.table.Root().Columns() {
		if slices.Contains(out.names, c.Name()) {
			return nil, fmt.Errorf("column %q stands twice", c.Name())
		}
		n, err := b.node(c, 0)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Name(), err)
		}
		if wanted != nil && !slices.Contains(wanted, c.Name()) {
			n.value = nil
		}
		for len(out.reads) < b.leaves {
			out.reads = append(out.reads, n.value != nil)
		}
		out.names, out.nodes = append(out.names, c.Name()), append(out.nodes, n)
	}
	if len(out.names) == 0 {
		return nil, errors.New("the table has no columns")
	}
	out.names, out.leaves = slices.Clip(out.names), b.leaves
	return out, nil
}

// frame checks what stands at both ends of a file, and that the footer can be in it.
func frame(f io.ReaderAt, size int64) error {
	var head [headBytes]byte
	var tail [tailBytes]byte
	if size < headBytes+tailBytes {
		return errors.New("no Parquet file: it is too short")
	}
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return err
	}
	if _, err := f.ReadAt(tail[:], size-tailBytes); err != nil {
		return err
	}
	switch start, end := string(head[:]), string(tail[4:]); {
	case start == "PARE" || end == "PARE":
		return errors.New("the file is encrypted")
	case start != "PAR1":
		return errors.New("no Parquet file: it does not begin as one")
	case end != "PAR1":
		return errors.New("the file is cut short: its footer is missing")
	}
	if n := int64(binary.LittleEndian.Uint32(tail[:4])); n > size-headBytes-tailBytes {
		return fmt.Errorf("damaged: a footer of %d bytes in a file of %d", n, size)
	}
	return nil
}

// Next is the next block; io.EOF ends the file.
func (f *File) Next() (b *Block, err error) {
	defer recovered(&err)
	for f.left == 0 {
		f.closeColumns()
		if f.group == len(f.table.RowGroups()) {
			return nil, io.EOF
		}
		if err := f.openGroup(); err != nil {
			return nil, fmt.Errorf("row group %d: %w", f.group, err)
		}
	}
	rows := int(min(f.left, int64(max(1, min(blockRows, blockBytes/max(f.perRow, 1))))))
	b = &Block{file: f, rows: rows, cells: make([][]cellOf, f.leaves), first: make([][]int32, f.leaves)}
	bytes := 0
	for i, c := range f.columns {
		if c == nil {
			continue
		}
		n := 0
		if b.cells[i], b.first[i], n, err = c.take(rows); err != nil {
			return nil, fmt.Errorf("row group %d, column %s: %w", f.group, c.name, err)
		}
		bytes += n
	}
	b.bytes = bytes
	f.perRow = bytes / rows
	f.left -= int64(rows)
	return b, nil
}

func (f *File) openGroup() error {
	g := f.table.RowGroups()[f.group]
	meta := &f.table.Metadata().RowGroups[f.group]
	f.group++
	f.left = g.NumRows()
	chunks := g.ColumnChunks()
	if f.left < 0 || len(chunks) != f.leaves || len(meta.Columns) != f.leaves {
		return fmt.Errorf("damaged: %d rows in %d of %d columns", f.left, len(chunks), f.leaves)
	}
	for i, c := range leafColumns(f.table.Root(), nil) {
		m := &meta.Columns[i].MetaData
		f.read += m.TotalCompressedSize
		if !f.reads[i] {
			f.columns = append(f.columns, nil)
			continue
		}
		if err := f.walk(m); err != nil {
			return fmt.Errorf("column %s: %w", name(c), err)
		}
		f.columns = append(f.columns, newColumn(c, chunks[i]))
	}
	return nil
}

// Read is about how many bytes of the file were read.
func (f *File) Read() int64 { return min(f.read, f.size) }

// Close lets go of what is held of the file.
func (f *File) Close() (err error) {
	defer recovered(&err)
	f.closeColumns()
	return nil
}

func (f *File) closeColumns() {
	for _, c := range f.columns {
		if c != nil {
			c.pages.Close()
		}
	}
	f.columns = nil
}

// Len is the number of rows.
func (b *Block) Len() int { return b.rows }

// Bytes is about what the values take.
func (b *Block) Bytes() int { return b.bytes }

// Row is a row as an object. It may be called from several goroutines.
func (b *Block) Row(i int) (o *ordjson.Object, err error) {
	defer recovered(&err)
	spans := make([]span, len(b.cells))
	for k := range spans {
		if b.cells[k] == nil {
			continue
		}
		if b.first[k] == nil {
			spans[k] = b.cells[k][i : i+1]
		} else {
			spans[k] = b.cells[k][b.first[k][i]:b.first[k][i+1]]
		}
	}
	o = &ordjson.Object{Keys: b.file.names, Values: make([]any, len(b.file.nodes))}
	for k := range b.file.nodes {
		if b.file.nodes[k].value == nil {
			continue
		}
		if o.Values[k], err = b.file.nodes[k].value(spans); err != nil {
			return nil, fmt.Errorf("column %q: %w", b.file.names[k], err)
		}
	}
	return o, nil
}

// recovered makes an error of a panic of the library on bytes that lie.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("damaged: %v", p)
	}
}
