package record

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// linesOf writes a file of JSON lines of up to size bytes, some of them with escapes, and says what their texts are.
func linesOf(t *testing.T, random *rand.Rand, n, size int) (path string, texts []string) {
	t.Helper()
	var b strings.Builder
	for i := range n {
		text := fmt.Sprintf("%d", i) + strings.Repeat([]string{"x", "\n", "é"}[i%3], random.IntN(size))
		texts = append(texts, text)
		fmt.Fprintf(&b, "{\"a\": \"%s\"}\n", strings.ReplaceAll(text, "\n", `\n`))
	}
	path = filepath.Join(t.TempDir(), "data.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path, texts
}

func TestRecordsKeepTheirTextUntilTheyAreReleased(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{2000, chunkBytes} {
		path, texts := linesOf(t, random, 400_000/size*10, size)
		f, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		type held struct {
			raw  Raw
			text any
			want string
		}
		var holding []held
		check := func(i int) {
			if holding[i].text != holding[i].want {
				t.Fatalf("a text of %d bytes became another before its record was released", len(holding[i].want))
			}
			if random.IntN(10) > 0 { // not every record is
				holding[i].raw.Release()
			}
			holding = append(holding[:i], holding[i+1:]...)
		}
		for _, want := range texts {
			raw, err := f.Next()
			if err != nil {
				t.Fatal(err)
			}
			r, err := Decode(raw, Options{})
			if err != nil {
				t.Fatal(err)
			}
			holding = append(holding, held{raw, r.Fields.Values[0], want})
			for len(holding) > random.IntN(300) {
				check(random.IntN(len(holding)))
			}
		}
		for len(holding) > 0 {
			check(0)
		}
		if _, err := f.Next(); err != io.EOF {
			t.Fatal(err)
		}
	}
}

func TestReleasedRecordsCostNoMemory(t *testing.T) {
	path, texts := linesOf(t, rand.New(rand.NewPCG(1, 2)), 20_000, 1000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n := 0
	if err := readAll(path, func(raw Raw) { n++; raw.Release() }); err != nil || n != len(texts) {
		t.Fatalf("%d records, error %v", n, err)
	}
	runtime.ReadMemStats(&after)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > uint64(info.Size()/2) { // pools may forget, under the race detector at random
		t.Errorf("reading %d KB took %d KB", info.Size()>>10, got>>10)
	}
}
