package record

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/models/chat/ordjson"
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
		"tsv":   "a\tb\n\"x\ty\"\t2\n",
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
		case "jsonl", "json", "txt", "csv", "tsv":
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

func TestCellsAreReadAcrossBuffers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word, \"\"quoted\"\"\n", 20_000) // several times the buffer
	path := filepath.Join(t.TempDir(), "x.csv")
	if err := os.WriteFile(path, []byte("a,b\r\n\""+long+"\",2\r\n\r\n,\"\"\r\nx\"y,\"p\"q\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var got [][]string
	var places []string
	if err := readAll(path, func(r Raw) {
		got, places = append(got, r.Cells), append(places, r.Place.String())
	}); err != nil {
		t.Fatal(err)
	}
	want := [][]string{{strings.ReplaceAll(long, `""`, `"`), "2"}, {"", ""}, {`x"y`, "pq"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cells (-want +got):\n%.500s", diff)
	}
	if diff := cmp.Diff([]string{"x.csv:2", "x.csv:20004", "x.csv:20005"}, places); diff != "" {
		t.Error(diff)
	}
}

func TestReadersGoOnBehindAMistake(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"x.jsonl": {"{\"a\": 1}\n{\"a\": \xff}\n{\n{\"a\": 2}", "1 invalid UTF-8 broken JSON 2"},
		"x.txt":   {"one\n\xff\ntwo\n", "one invalid UTF-8 two"},
		"x.csv":   {"a,b\n1,\n1,2,3\n\xff,\n4\n5,\n", "1 wrong shape invalid UTF-8 wrong shape 5"},
		"x.json":  {"[{\"a\": 1}, {\"a\": }, {\"a\": 1, \"a\": 2}, {\"a\": 3}]", "1 broken JSON duplicate key 3"},
		"y.jsonl": {"[]\n{}\nnull\n{\"a\": \"\\ud800\"}\n{\"a\": 3}\n", "wrong shape wrong shape wrong shape lone surrogate 3"},
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if name == "y.jsonl" { // a file that begins with a bracket is an array
			f.Reader = jsonlReader{newLines(strings.NewReader(c.text), name)}
		}
		var got []string
		for {
			raw, err := f.Next()
			if err == io.EOF {
				break
			}
			var r Record
			if err == nil {
				r, err = Decode(raw, Options{})
			}
			switch {
			case err != nil && !Skippable(err):
				t.Fatal(name, err)
			case err != nil:
				got = append(got, Reason(err))
			default:
				v := r.Fields.Values[0]
				if n, ok := v.(ordjson.Number); ok {
					v = string(n)
				}
				got = append(got, v.(string))
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %s", name, got, c.want)
		}
	}
}

func TestALineThatIsTooLongIsPassedOver(t *testing.T) {
	t.Parallel()
	for _, size := range []int{chunkBytes - 20, 3*chunkBytes + 5} {
		text := "{\"a\": 1}\n" + strings.Repeat("x", size) + "\n{\"a\": 2}\n" + strings.Repeat("y", size)
		l := newLines(strings.NewReader(text), "x.jsonl")
		l.most = 1000
		var got []string
		for r := (jsonlReader{l}); ; {
			raw, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				got = append(got, err.Error())
				continue
			}
			got = append(got, string(raw.JSON))
		}
		want := []string{`{"a": 1}`, "x.jsonl:2: the line is longer than 1000 bytes", `{"a": 2}`, "x.jsonl:4: the line is longer than 1000 bytes"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d bytes: %s", size, diff)
		}
	}
}
