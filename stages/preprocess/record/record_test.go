package record

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// readAll reads a file to its end or first mistake.
func readAll(path string, each func(Raw)) error {
	f, err := Open(path, Options{})
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		raw, err := f.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		each(raw)
	}
}

func FuzzReaders(f *testing.F) {
	for ext, text := range map[string]string{
		"jsonl": "{\"text\": \"a\"}\n\n{\"b\": [1, {\"c\": \"}\"}]}\n",
		"json":  "[{\"text\": \"a\\\"]\"},\n {\"b\": {}}]",
		"txt":   "a\r\nb\rc\n\n",
		"csv":   "a,b\n\"x\ny\"\"\",2\r\n\n3,\n",
		"gz":    "\x1f\x8b\x08\x00",
		"zst":   "\x28\xb5\x2f\xfd\x00",
	} {
		f.Add(ext, []byte(text))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, ext string, text []byte) {
		switch ext {
		case "gz", "zst":
			ext = "jsonl." + ext
		case "jsonl", "json", "txt", "csv":
		default:
			return
		}
		path := filepath.Join(dir, "data."+ext)
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		n := 0
		if readAll(path, func(raw Raw) {
			n++
			Decode(raw, Options{})
		}) == nil && n > len(text)+1 && !strings.Contains(ext, ".") {
			t.Fatalf("%d records in %d bytes", n, len(text))
		}
	})
}

func TestTextLinesEndAsInPython(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.txt")
	if err := os.WriteFile(path, []byte("a\r\nb\rc\n\nd"), 0o644); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := readAll(path, func(r Raw) { got = append(got, r.Text+"@"+r.Place.String()) }); err != nil {
		t.Fatal(err)
	}
	if want := "a@x.txt:1 b@x.txt:2 c@x.txt:3 @x.txt:4 d@x.txt:5"; strings.Join(got, " ") != want {
		t.Errorf("lines %q, want %q", strings.Join(got, " "), want)
	}
}

func TestReadingHoldsOneRecordAtATime(t *testing.T) {
	// Not parallel: it looks at the heap.
	path := filepath.Join(t.TempDir(), "x.json")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	row := "{\"text\": \"" + strings.Repeat("x", 1<<14) + "\"}"
	f.WriteString("[")
	for i := range 600 { // 10 MB
		if i > 0 {
			f.WriteString(",\n")
		}
		f.WriteString(row)
	}
	f.WriteString("]")
	f.Close()
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n, most := 0, uint64(0)
	err = readAll(path, func(Raw) {
		if n++; n%100 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
		}
	})
	if err != nil || n != 600 {
		t.Fatalf("%d records, %v", n, err)
	}
	if grown := int64(most) - int64(before.HeapAlloc); grown > 2<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}
