package spm_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/models/tok/spm"
)

// folder holds what testdata/gen.py wrote; the variable points at a larger set.
func folder() string {
	if dir := os.Getenv("BELAY_SPM_CASES"); dir != "" {
		return dir
	}
	return "testdata"
}

func models(t testing.TB) map[string]*spm.Model {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder(), "*.model"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no models: %v", err)
	}
	all := map[string]*spm.Model{}
	for _, path := range found {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := spm.Parse(data)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[strings.TrimSuffix(filepath.Base(path), ".model")] = m
	}
	return all
}

func decode(m *spm.Model, ids []int32) string {
	var tokens []spm.Token
	for _, id := range ids {
		tokens = append(tokens, m.Lookup(m.Piece(id)))
	}
	return m.Decode(tokens)
}

func TestIdsAndTextsAreThoseOfTheLibrary(t *testing.T) {
	t.Parallel()
	for name, m := range models(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := os.Open(filepath.Join(folder(), name+".jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			lines := bufio.NewScanner(f)
			lines.Buffer(nil, 1<<20)
			n := 0
			for ; lines.Scan() && !t.Failed(); n++ {
				var c struct {
					Text, Decoded string
					IDs, Decode   []int32
				}
				if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
					t.Fatal(err)
				}
				if c.Decode == nil {
					if diff := cmp.Diff(c.IDs, m.Encode([]int32{}, c.Text)); diff != "" {
						t.Errorf("line %d %q: ids (-want +got):\n%s", n+1, c.Text, diff)
					}
					c.Decode = c.IDs
				}
				if diff := cmp.Diff(c.Decoded, decode(m, c.Decode)); diff != "" {
					t.Errorf("line %d: text of %v (-want +got):\n%s", n+1, c.Decode, diff)
				}
			}
			if err := lines.Err(); err != nil || n == 0 {
				t.Fatalf("read %d cases: %v", n, err)
			}
		})
	}
}
