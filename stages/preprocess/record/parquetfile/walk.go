package parquetfile

import (
	"fmt"

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
	for values := int64(0); at < end && values < m.NumValues; {
		h, size, err := f.header(at, end)
		if err != nil {
			return fmt.Errorf("damaged: page header at %d: %w", at, err)
		}
		at += size
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

// header reads the page header at a place. It is decoded from memory, where no length can be more than there is; most are
// short, but some hold whole values.
func (f *File) header(at, end int64) (h format.PageHeader, size int64, err error) {
	var protocol thrift.CompactProtocol
	for n := int64(512); ; n *= 16 {
		n = min(n, end-at)
		buf := make([]byte, n)
		if _, err := f.from.ReadAt(buf, at); err != nil {
			return h, 0, err
		}
		from := protocol.NewReaderFromBytes(buf)
		h = format.PageHeader{}
		if err = thrift.NewDecoder(from).Decode(&h); err == nil {
			return h, int64(from.BytesRead()), nil
		}
		if n == end-at {
			return h, 0, err
		}
	}
}
