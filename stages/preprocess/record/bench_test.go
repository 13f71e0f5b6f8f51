package record

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
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

// benchRow is a record of instruction data of a usual size.
type benchRow struct {
	Instruction string `json:"instruction" parquet:"instruction,zstd"`
	Input       string `json:"input" parquet:"input,zstd"`
	Output      string `json:"output" parquet:"output,zstd"`
}

func benchRows() []benchRow {
	words := strings.Fields(`the of a model is trained on text that people wrote, and "quotes" or new
lines come up now and then: so do 数字 and naïve words with accents; 12.5 percent of them`)
	text := func(seed, n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(words[(seed*31+i*i+i*seed)%len(words)])
			b.WriteByte(" \n"[btoi(i%17 == 16)])
		}
		return b.String()
	}
	rows := make([]benchRow, 20_000)
	for i := range rows {
		rows[i] = benchRow{text(i, 12), text(i+1, i%20), text(i+2, 60+i%40)}
	}
	return rows
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// benchmark reads a file and takes its records apart, on one goroutine. MB/s are those of the records as JSON.
func benchmark(b *testing.B, name string, write func(w io.Writer, rows []benchRow) error) {
	rows := benchRows()
	size := int64(0)
	for _, r := range rows {
		line, _ := json.Marshal(r)
		size += int64(len(line)) + 1
	}
	path := filepath.Join(b.TempDir(), name)
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := write(f, rows); err != nil {
		b.Fatal(err)
	}
	f.Close()
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		err := readAll(path, func(raw Raw) {
			r, err := Decode(raw, Options{})
			if err != nil || len(r.Fields.Keys) != 3 {
				b.Fatal(err)
			}
			n++
		})
		if err != nil || n != len(rows) {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(len(rows))*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func jsonLines(w io.Writer, rows []benchRow) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, r := range rows {
		if err := e.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func BenchmarkReadJSONL(b *testing.B) { benchmark(b, "x.jsonl", jsonLines) }

func BenchmarkReadGzip(b *testing.B) {
	benchmark(b, "x.jsonl.gz", func(w io.Writer, rows []benchRow) error {
		z := gzip.NewWriter(w)
		if err := jsonLines(z, rows); err != nil {
			return err
		}
		return z.Close()
	})
}

func BenchmarkReadArray(b *testing.B) {
	benchmark(b, "x.json", func(w io.Writer, rows []benchRow) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(rows)
	})
}

func BenchmarkReadCSV(b *testing.B) {
	benchmark(b, "x.csv", func(w io.Writer, rows []benchRow) error {
		fmt.Fprintln(w, "instruction,input,output")
		q := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
		for _, r := range rows {
			if _, err := fmt.Fprintf(w, "%s,%s,%s\n", q(r.Instruction), q(r.Input), q(r.Output)); err != nil {
				return err
			}
		}
		return nil
	})
}

func BenchmarkReadParquet(b *testing.B) {
	benchmark(b, "x.parquet", func(w io.Writer, rows []benchRow) error {
		p := parquet.NewGenericWriter[benchRow](w)
		if _, err := p.Write(rows); err != nil {
			return err
		}
		return p.Close()
	})
}

func BenchmarkReadArrow(b *testing.B) {
	benchmark(b, "x.arrow", func(w io.Writer, rows []benchRow) error {
		schema := arrow.NewSchema([]arrow.Field{
			{Name: "instruction", Type: arrow.BinaryTypes.String}, {Name: "input", Type: arrow.BinaryTypes.String}, {Name: "output", Type: arrow.BinaryTypes.String},
		}, nil)
		out := ipc.NewWriter(w, ipc.WithSchema(schema))
		build := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for i, r := range rows {
			for k, s := range []string{r.Instruction, r.Input, r.Output} {
				build.Field(k).(*array.StringBuilder).Append(s)
			}
			if i%1000 == 999 {
				if err := out.Write(build.NewRecordBatch()); err != nil {
					return err
				}
			}
		}
		return out.Close()
	})
}
