package parquetfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// What a page may unpack to: some bytes for any, and a multiple of its size. Its values take more than
// their bytes when they are nulls or come from a dictionary, so their number is bounded too.
const (
	freeBytes = 16 << 20
	perByte   = 1024
	maxPage   = 1 << 30
	maxValues = 16 << 20
	maxHeader = 1 << 20
)

// walk goes over the page headers of a column chunk, before anything is unpacked.
func (f *File) walk(m *format.ColumnMetaData) error {
	at, size := m.DataPageOffset, m.TotalCompressedSize
	if d := m.DictionaryPageOffset; d != 0 {
		at = d
	}
	if at < headBytes || size < 0 || at > f.size-tailBytes || size > f.size-tailBytes-at {
		return fmt.Errorf("damaged: pages at %d to %d in a file of %d bytes", at, at+size, f.size)
	}
	end := at + size
	counted := &counter{}
	in := bufio.NewReaderSize(counted, 512)
	var protocol thrift.CompactProtocol
	for values := int64(0); at < end && values < m.NumValues; {
		counted.from, counted.read = io.NewSectionReader(f.from, at, min(end-at, maxHeader)), 0
		in.Reset(counted)
		var h format.PageHeader
		if err := thrift.NewDecoder(protocol.NewReader(in)).Decode(&h); err != nil {
			return fmt.Errorf("damaged: page header at %d: %w", at, err)
		}
		at += counted.read - int64(in.Buffered())
		packed, unpacked := int64(h.CompressedPageSize), int64(h.UncompressedPageSize)
		n := int64(0)
		switch {
		case h.Type == format.DataPage && h.DataPageHeader.Valid:
			n = int64(h.DataPageHeader.V.NumValues)
			values += n
		case h.Type == format.DataPageV2 && h.DataPageHeaderV2.Valid:
			n = int64(h.DataPageHeaderV2.V.NumValues)
			values += n
		case h.Type == format.DictionaryPage && h.DictionaryPageHeader.Valid:
			n = int64(h.DictionaryPageHeader.V.NumValues)
		}
		switch {
		case packed < 0 || unpacked < 0 || n < 0 || packed > end-at:
			return fmt.Errorf("damaged: a page of %d bytes at %d, its column ends at %d", packed, at, end)
		case unpacked > min(freeBytes+perByte*packed, maxPage):
			return fmt.Errorf("a page of %d bytes at %d unpacks to %d", packed, at, unpacked)
		case n > maxValues:
			return fmt.Errorf("a page at %d has %d values, more than %d", at, n, maxValues)
		}
		at += packed
	}
	return nil
}

// counter counts the bytes that are read.
type counter struct {
	from io.Reader
	read int64
}

func (c *counter) Read(p []byte) (int, error) {
	if c.from == nil {
		return 0, errors.New("nothing to read")
	}
	n, err := c.from.Read(p)
	c.read += int64(n)
	return n, err
}
