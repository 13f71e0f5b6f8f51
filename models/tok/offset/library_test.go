package offset_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/offset"
	"github.com/belay-ml/belay/models/tok/open"
)

// libraryVariable points at a file that testdata/ask.py made; the directories in it are seen from here.
const libraryVariable = "BELAY_OFFSET_CASES"

// TestLibraryOffsetsAreThose compares with the library's offsets, but for blanks, which the library sometimes counts to a
// token and sometimes does not.
func TestLibraryOffsetsAreThose(t *testing.T) {
	path := os.Getenv(libraryVariable)
	if path == "" {
		t.Skipf("%s is not set", libraryVariable)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tokenizers := map[string]tok.Tokenizer{}
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 64<<20)
	texts, tokens, bad := 0, map[string]int{}, map[string]int{}
	for sc.Scan() {
		var c struct {
			Dir, Text string
			IDs       []int32
			Spans     [][2]int
		}
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		tk := tokenizers[c.Dir]
		if tk == nil {
			if tk, err = open.Dir(c.Dir); err != nil {
				t.Fatal(err)
			}
			tokenizers[c.Dir] = tk
		}
		ids := tk.Encode(nil, c.Text, false)
		if !slices.Equal(ids, c.IDs) {
			continue // a legacy class that the library alone does not know; the goldens of package open look after that
		}
		texts++
		spans, err := offset.Find(nil, tk, c.Text, ids)
		if err != nil {
			t.Errorf("%s: %q: %v", c.Dir, c.Text, err)
			continue
		}
		name := filepath.Base(c.Dir)
		for i, s := range spans {
			tokens[name]++
			if trim(c.Text, s) != trim(c.Text, offset.Span{Start: c.Spans[i][0], End: c.Spans[i][1]}) {
				if bad[name]++; bad[name] <= 3 {
					t.Logf("%s: %.100q: token %d %q: %v, the library has %v", name, c.Text, i, tk.Token(ids[i]), s, c.Spans[i])
				}
			}
		}
	}
	for name, n := range tokens {
		t.Logf("%s: %d tokens, %d elsewhere", name, n, bad[name])
		if bad[name]*100 > n {
			t.Errorf("%s: %d of %d tokens stand elsewhere", name, bad[name], n)
		}
	}
	if texts == 0 {
		t.Error("no texts")
	}
}

// trim leaves blanks at both ends out of a span; an empty one is nowhere.
func trim(text string, s offset.Span) offset.Span {
	for s.Start < s.End && (text[s.Start] == ' ' || text[s.Start] == '\n' || text[s.Start] == '\t') {
		s.Start++
	}
	for s.End > s.Start && (text[s.End-1] == ' ' || text[s.End-1] == '\n' || text[s.End-1] == '\t') {
		s.End--
	}
	if s.Start >= s.End {
		return offset.Span{}
	}
	return s
}
