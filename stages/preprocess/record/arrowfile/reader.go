package arrowfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/belay-ml/belay/models/chat/ordjson"
)

const (
	magic = "ARROW1"
	// maxMeta is the largest description of a message, and maxBatch the largest batch of a file of unknown size.
	maxMeta  = 64 << 20
	maxBatch = 2 << 30
)

// Reader hands out the record batches of a stream.
type Reader struct {
	in     *bufio.Reader
	ipc    *ipc.Reader
	memory *budget
	file   bool // the file format: a magic word stands at both ends
	size   int64

	names   []string
	columns []column // nil for those that are not wanted
}

// Batch is a stretch of rows.
type Batch struct {
	reader *Reader
	rows   int
	arrays []arrow.Array
}

// New reads the schema. size is the number of bytes to come, 0 when it is not known. Values of columns that are not
// wanted are nil; nil wants all.
func New(in io.Reader, size int64, wanted []string) (r *Reader, err error) {
	defer recovered(&err)
	r = &Reader{in: bufio.NewReaderSize(in, 1<<16), memory: &budget{}, size: size}
	if head, _ := r.in.Peek(len(magic)); string(head) == magic {
		r.file = true
		if _, err := r.in.Discard(8); err != nil {
			return nil, io.ErrUnexpectedEOF
		}
	}
	r.memory.refill(size)
	if r.ipc, err = ipc.NewReaderFromMessageReader(&messages{r.in, size}, ipc.WithAllocator(r.memory)); err != nil {
		return nil, fmt.Errorf("no Arrow stream or file: %w", cut(err))
	}
	for _, f := range r.ipc.Schema().Fields() {
		if slices.Contains(r.names, f.Name) {
			return nil, fmt.Errorf("column %q stands twice", f.Name)
		}
		c, err := columnOf(f.Type, 0)
		if wanted != nil && !slices.Contains(wanted, f.Name) {
			c, err = nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		r.names, r.columns = append(r.names, f.Name), append(r.columns, c)
	}
	if len(r.names) == 0 {
		return nil, errors.New("the table has no columns")
	}
	r.names = slices.Clip(r.names)
	return r, nil
}

// Next is the next batch; io.EOF ends the table.
func (r *Reader) Next() (b *Batch, err error) {
	defer recovered(&err)
	r.memory.refill(r.size)
	batch, err := r.ipc.Read()
	switch {
	case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, r.end()
	case err != nil:
		return nil, cut(err)
	}
	b = &Batch{reader: r, rows: int(batch.NumRows()), arrays: batch.Columns()}
	for i, a := range b.arrays {
		if a.Len() != b.rows {
			return nil, fmt.Errorf("column %q has %d rows, the batch %d", r.names[i], a.Len(), b.rows)
		}
		// The library does not take arrays of nulls as other programs write them.
		if err := array.ValidateFull(a); err != nil && !holdsNull(a.DataType()) {
			return nil, fmt.Errorf("column %q: %w", r.names[i], err)
		}
		a.Retain() // the reader lets go of the batch when it reads the next
	}
	return b, nil
}

func holdsNull(t arrow.DataType) bool {
	if n, ok := t.(arrow.NestedType); ok {
		return slices.ContainsFunc(n.Fields(), func(f arrow.Field) bool { return holdsNull(f.Type) })
	}
	return t.ID() == arrow.NULL
}

// end checks that a file ends as one. Behind the stream stand a footer, its length and the magic word. Streams may
// just end.
func (r *Reader) end() error {
	if !r.file {
		return io.EOF
	}
	var tail []byte
	buf := make([]byte, 4096)
	for {
		n, err := r.in.Read(buf)
		tail = append(tail, buf[:n]...)
		if len(tail) > len(magic) {
			tail = tail[:copy(tail, tail[len(tail)-len(magic):])]
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if !bytes.Equal(tail, []byte(magic)) {
		return errors.New("the file is cut short: its footer is missing")
	}
	return io.EOF
}

// cut says in plain words that the bytes ended.
func cut(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("the file is cut short: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// recovered makes an error of a panic: of the library on bytes that lie, or of the budget.
func recovered(err *error) {
	switch p := recover().(type) {
	case nil:
	case error:
		*err = fmt.Errorf("damaged: %w", p)
	default:
		*err = fmt.Errorf("damaged: %v", p)
	}
}

// Len is the number of rows.
func (b *Batch) Len() int { return b.rows }

// Bytes is about what the values take.
func (b *Batch) Bytes() int {
	n := uint64(0)
	for k, a := range b.arrays {
		if b.reader.columns[k] != nil {
			n += a.Data().SizeInBytes()
		}
	}
	return int(n)
}

// Row is a row as an object. It may be called from several goroutines.
func (b *Batch) Row(i int) (o *ordjson.Object, err error) {
	defer recovered(&err)
	o = &ordjson.Object{Keys: b.reader.names, Values: make([]any, len(b.arrays))}
	for k, a := range b.arrays {
		if b.reader.columns[k] == nil {
			continue
		}
		if o.Values[k], err = b.reader.columns[k](a, i); err != nil {
			return nil, fmt.Errorf("column %q: %w", b.reader.names[k], err)
		}
	}
	return o, nil
}
