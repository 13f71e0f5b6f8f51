package record

import (
	"errors"
	"fmt"
	"io"

	"github.com/belay-ml/belay/models/chat/ordjson"
	"github.com/belay-ml/belay/stages/preprocess/record/arrowfile"
	"github.com/belay-ml/belay/stages/preprocess/record/cell"
	"github.com/belay-ml/belay/stages/preprocess/record/parquetfile"
)

// rows is a stretch of a table.
type rows interface {
	Len() int
	// Bytes is about what they take.
	Bytes() int
	// Row makes an object of a row; it may be called from several goroutines.
	Row(i int) (*ordjson.Object, error)
}

// tableReader hands out the rows of a columnar file. They are taken apart by Decode only.
type tableReader struct {
	name  string
	next  func() (rows, error)
	block rows
	size  int // of a row
	at    int
	entry int64
}

func newArrowReader(in io.Reader, name string, size int64, columns []string) (*tableReader, error) {
	a, err := arrowfile.New(in, size, columns)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return &tableReader{name: name, next: func() (rows, error) { return a.Next() }}, nil
}

func newParquetReader(p *parquetfile.File, name string) *tableReader {
	return &tableReader{name: name, next: func() (rows, error) { return p.Next() }}
}

func (r *tableReader) Next() (Raw, error) {
	for r.block == nil || r.at == r.block.Len() {
		b, err := r.next()
		if errors.Is(err, io.EOF) {
			return Raw{}, io.EOF
		}
		if err != nil {
			return Raw{}, fmt.Errorf("read %s after record %d: %w", r.name, r.entry, err)
		}
		r.block, r.at = b, 0
		r.size = b.Bytes() / max(b.Len(), 1)
	}
	raw := Raw{Place: Place{File: r.name, Entry: r.entry + 1}, rows: r.block, row: r.at, size: r.size}
	r.at++
	r.entry++
	return raw, nil
}

// decodeRow takes a row of a table apart.
func decodeRow(raw Raw) (*ordjson.Object, error) {
	o, err := raw.rows.Row(raw.row)
	switch {
	case errors.Is(err, cell.ErrUTF8):
		return nil, raw.Place.Errorf(NotUTF8, "%w", err)
	case err != nil:
		return nil, raw.Place.Errorf(WrongForm, "%w", err)
	}
	return o, nil
}
