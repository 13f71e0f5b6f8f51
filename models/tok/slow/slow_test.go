package slow_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/models/tok/slow"
)

// folder holds what testdata/gen.py wrote; the variable points at a larger set.
func folder() string {
	if dir := os.Getenv("BELAY_SLOW_CASES"); dir != "" {
		return dir
	}
	return "testdata"
}

func TestIdsAndTextsAreThoseOfTransformers(t *testing.T) {
	t.Parallel()
	found, err := filepath.Glob(filepath.Join(folder(), "*", "cases.jsonl"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range found {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			t.Parallel()
			k, err := slow.Open(filepath.Dir(path))
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(strings.NewReader(string(data)))
			for n := 1; lines.Scan() && !t.Failed(); n++ {
				var c struct {
					Text               string
					IDs, Plain, Decode []int32
					All                [4]string
				}
				if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
					t.Fatal(err)
				}
				check := func(what string, want, got any) {
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("line %d %q %v: %s (-want +got):\n%s", n, c.Text, c.Decode, what, diff)
					}
				}
				check("ids", c.IDs, k.Encode([]int32{}, c.Text, true))
				check("ids without special tokens", c.Plain, k.Encode([]int32{}, c.Text, false))
				check("text", c.All[0], k.Decode(c.IDs, false))
				check("text without special tokens", c.All[1], k.Decode(c.IDs, true))
				check("text of any ids", c.All[2], k.Decode(c.Decode, false))
				check("text of any ids without special tokens", c.All[3], k.Decode(c.Decode, true))
			}
		})
	}
}
