package record

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/models/chat/ordjson"
)

// dumps are the records of a file as JSON.
func dumps(t testing.TB, path string) []string {
	t.Helper()
	var out []string
	err := readAll(path, func(raw Raw) {
		r, err := Decode(raw, Options{})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, ordjson.Dump(r.Fields))
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheSameRowsReadTheSameInEveryFormat(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"chats", "types"} {
		want := dumps(t, "testdata/"+set+".jsonl")
		for _, format := range []string{".*parquet", ".*arrow"} {
			found, err := filepath.Glob("testdata/" + set + format)
			if err != nil || len(found) == 0 {
				t.Fatal(set, format, err)
			}
			for _, path := range found {
				if diff := cmp.Diff(want, dumps(t, path)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", path, diff)
				}
			}
		}
	}
}

func TestOldTimestampsOf96BitsRead(t *testing.T) {
	t.Parallel()
	want := []string{`{"stamp": "2024-05-01T12:00:00.25", "nanos": "1960-01-02T03:04:05"}`, `{"stamp": null, "nanos": null}`}
	if diff := cmp.Diff(want, dumps(t, "testdata/int96.parquet")); diff != "" {
		t.Error(diff)
	}
}

func TestColumnsThatAreNotWantedAreThereAndNull(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"chats.snappy.parquet", "chats.large.arrow"} {
		f, err := Open("testdata/"+name, Options{Columns: []string{"lang", "conversations"}})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		f.Next()
		raw, err := f.Next()
		if err != nil {
			t.Fatal(err)
		}
		r, err := Decode(raw, Options{})
		want := `{"id": null, "instruction": null, "conversations": [{"from": "human", "value": "a"}], "tags": null, "matrix": null, "meta": null, "pairs": null, "lang": "zh"}`
		if got := ordjson.Dump(r.Fields); got != want || err != nil {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

// A file that is cut short anywhere is an error that names it, never fewer rows.
func TestTablesThatAreCutShortAreNamed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"chats.snappy.parquet", "chats.file.arrow", "chats.stream.arrow"} {
		whole, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		all := len(dumps(t, "testdata/"+name))
		path := filepath.Join(t.TempDir(), name)
		for n := 0; n < len(whole)-8; n += 97 {
			if err := os.WriteFile(path, whole[:n], 0o644); err != nil {
				t.Fatal(err)
			}
			rows := 0
			err := readAll(path, func(raw Raw) { rows++ })
			switch {
			case err != nil && !strings.Contains(err.Error(), name):
				t.Errorf("%s cut at %d: the error does not name it: %v", name, n, err)
			case err == nil && !(strings.Contains(name, "stream") && rows < all && rows%17 == 0):
				// A stream may end between two batches, where nothing tells that more was to come.
				t.Errorf("%s cut at %d: %d rows and no error", name, n, rows)
			}
		}
	}
}

func TestBytesThatAreNoTextAreNamedWhenOneIsAsked(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"types.parquet", "types.arrow"} {
		var first Raw
		if err := readAll("testdata/"+name, func(raw Raw) {
			if first.rows == nil {
				first = raw
			}
		}); err != nil {
			t.Fatal(err)
		}
		r, err := Decode(first, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s, ok, err := r.Text("bytes"); s != "text" || !ok || err != nil {
			t.Errorf("%s: %q, %v, %v", name, s, ok, err)
		}
		want := name + `: record 1: "uuid" is binary data, want a text`
		if _, _, err := r.Text("uuid"); err == nil || err.Error() != want || Reason(err) != WrongType {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// Bytes that lie about anything end in an error, in bounded memory.
func FuzzTables(f *testing.F) {
	for _, name := range []string{"types.parquet", "types.arrow", "chats.snappy.parquet", "chats.v2.parquet", "chats.stream.arrow", "chats.zstd.arrow", "chats.large.arrow"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(strings.HasSuffix(name, "parquet"), text)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, parquet bool, text []byte) {
		path := filepath.Join(dir, "t.arrow")
		if parquet {
			path = filepath.Join(dir, "t.parquet")
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		n := 0
		err := readAll(path, func(raw Raw) {
			if n++; n < 10_000 {
				Decode(raw, Options{})
			}
		})
		if err != nil && !strings.Contains(err.Error(), filepath.Base(path)) {
			t.Fatalf("the error does not name the file: %v", err)
		}
	})
}

// TestChangedBytesTakeBoundedMemory holds the readers of tables against bytes that lie, some in every place.
func TestChangedBytesTakeBoundedMemory(t *testing.T) {
	// Not parallel: it counts what is allocated.
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"types.parquet", "types.arrow", "chats.snappy.parquet", "chats.v2.parquet", "chats.zstd.arrow"} {
		whole, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name)
		for range 200 {
			text := bytes.Clone(whole)
			for range 1 + random.IntN(4) {
				text[random.IntN(len(text))] = byte(random.Uint32())
			}
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			n := 0
			err := readAll(path, func(raw Raw) {
				if n++; n < 1000 {
					Decode(raw, Options{})
				}
			})
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 512<<20 {
				t.Errorf("%s: %d MB for %d bytes, %v", name, got>>20, len(text), err)
			}
		}
	}
}
