package hfjson_test

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/belay-ml/belay/models/tok/hfjson"
)

// casesFile is what testdata/gen.py wrote; the variable points at a larger one.
func casesFile() string {
	if file := os.Getenv("BELAY_HFJSON_CASES"); file != "" {
		return file
	}
	return "testdata/cases.jsonl"
}

func TestIdsAndTextsAreThoseOfTheLibrary(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(casesFile())
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(strings.NewReader(string(data)))
	lines.Buffer(nil, 64<<20)
	n := 0
	for ; lines.Scan(); n++ {
		var set struct {
			Name  string
			JSON  json.RawMessage
			Cases []struct {
				Text              string
				IDs, Plain, Other []int32
				All               [2]string
				TextOf            string `json:"text_of"`
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &set); err != nil {
			t.Fatal(err)
		}
		t.Run(set.Name, func(t *testing.T) {
			k, err := hfjson.Parse(set.JSON, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range set.Cases {
				if same(t, c.Text, "ids", c.IDs, k.Encode([]int32{}, c.Text, true)); t.Failed() {
					break
				}
				same(t, c.Text, "ids without special tokens", c.Plain, k.Encode([]int32{}, c.Text, false))
				same(t, c.Text, "decoded", c.All[0], k.Decode(c.IDs, false))
				same(t, c.Text, "decoded without special tokens", c.All[1], k.Decode(c.IDs, true))
				same(t, c.Text, "text of other ids", c.TextOf, k.Decode(c.Other, false))
			}
		})
	}
	if n == 0 {
		t.Fatal("no cases")
	}
}
