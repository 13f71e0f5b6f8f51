package offset_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/belay-ml/belay/models/tok/offset"
	"github.com/belay-ml/belay/models/tok/open"
	"github.com/belay-ml/belay/testdata/goldens"
)

// TestGoldenTextsAreCoveredByTheirTokens lays the tokens of the tokenizers' goldens along their texts: spans lie in order
// and every character that is no blank has a token.
func TestGoldenTextsAreCoveredByTheirTokens(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(goldens.Dir(t, "tokenizers"), "*", "cases.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			t.Parallel()
			tk, err := open.Dir(filepath.Dir(file))
			if err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			sc := bufio.NewScanner(f)
			sc.Buffer(nil, 64<<20)
			for sc.Scan() {
				var c struct{ Text string }
				if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
					t.Fatal(err)
				}
				if strings.ContainsRune(c.Text, '▁') || strings.ContainsRune(c.Text, unicode.ReplacementChar) {
					continue // the mark of blanks in a text reads as a blank
				}
				ids := tk.Encode(nil, c.Text, false)
				spans, err := offset.Find(nil, tk, c.Text, ids)
				if err != nil {
					t.Errorf("%.200q: %v", c.Text, err)
					continue
				}
				if len(spans) != len(ids) {
					t.Fatalf("%d spans of %d ids", len(spans), len(ids))
				}
				covered := make([]bool, len(c.Text))
				start := 0
				for i, s := range spans {
					if s.Start < start || s.End < s.Start || s.End > len(c.Text) {
						t.Fatalf("%.200q: span %d is %v behind %d", c.Text, i, s, start)
					}
					start = s.Start
					for at := s.Start; at < s.End; at++ {
						covered[at] = true
					}
				}
				for at, r := range c.Text {
					if !covered[at] && unicode.IsGraphic(r) && !unicode.IsSpace(r) {
						t.Errorf("%.200q: byte %d (%q) has no token", c.Text, at, r)
						break
					}
				}
			}
		})
	}
}
