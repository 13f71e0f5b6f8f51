package record

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/parquet-go/parquet-go"
)

// A few bytes that unpack to very many are refused before they do.
func TestTablesThatUnpackToMuchAreRefused(t *testing.T) {
	// Not parallel: what it writes takes memory.
	dir := t.TempDir()
	text := strings.Repeat("x", 90<<20)
	for name, c := range map[string]struct {
		write func(f *os.File) error
		want  string
	}{
		"bomb.parquet": {func(f *os.File) error {
			type row struct {
				Text string `parquet:"text,zstd"`
			}
			rows := make([]row, 40)
			for i := range rows {
				rows[i].Text = text[:1<<20]
			}
			w := parquet.NewGenericWriter[row](f, parquet.PageBufferSize(1<<30), parquet.DataPageStatistics(false))
			if _, err := w.Write(rows); err != nil {
				return err
			}
			return w.Close()
		}, "unpacks to"},
		"bomb.arrow": {func(f *os.File) error {
			schema := arrow.NewSchema([]arrow.Field{{Name: "text", Type: arrow.BinaryTypes.String}}, nil)
			w := ipc.NewWriter(f, ipc.WithSchema(schema), ipc.WithZstd())
			b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
			b.Field(0).(*array.StringBuilder).Append(text)
			if err := w.Write(b.NewRecordBatch()); err != nil {
				return err
			}
			return w.Close()
		}, "more bytes than a file of this size can hold"},
	} {
		path := filepath.Join(dir, name)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.write(f); err != nil {
			t.Fatal(name, err)
		}
		f.Close()
		n := 0
		err = readAll(path, func(Raw) { n++ })
		if err == nil || n != 0 || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d rows, %v", name, n, err)
		}
	}
}
