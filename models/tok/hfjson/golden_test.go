package hfjson_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/hfjson"
	"github.com/belay-ml/belay/testdata/goldens"
)

// pending says of a folder that its format is not read yet: SentencePiece models and tiktoken ranks.
func pending(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "tokenizer.json"))
	return err != nil
}

// goldenCase is one line of cases.jsonl of either kind of folder.
type goldenCase struct {
	Text      string  `json:"text"`
	IDs       []int32 `json:"ids"`
	NoSpecial []int32 `json:"ids_no_special"` // tokenizers: nil means as ids
	Special   []int32 `json:"ids_special"`    // tokenizers_real: ids are without special tokens
	Decoded   string  `json:"decoded"`
	Skipped   *string `json:"decoded_skip_special"`
}

func readCases(t testing.TB, folder string) []goldenCase {
	t.Helper()
	f, err := os.Open(filepath.Join(folder, "cases.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []goldenCase
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var c goldenCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatalf("%s line %d: %v", f.Name(), len(cases)+1, err)
		}
		cases = append(cases, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return cases
}

// eachFolder runs test on every folder of one kind that holds cases.
func eachFolder(t *testing.T, kind string, test func(t *testing.T, folder string)) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(goldens.Dir(t, kind), "*", "cases.jsonl"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range found {
		folder := filepath.Dir(path)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			if goldens.Pending() && pending(folder) {
				t.Skip("pending: the folder has no tokenizer.json")
			}
			test(t, folder)
		})
	}
}

func TestGoldenTokenizers(t *testing.T) {
	t.Parallel()
	eachFolder(t, "tokenizers", func(t *testing.T, folder string) {
		k, err := hfjson.Open(folder)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range readCases(t, folder) {
			t.Run(fmt.Sprint(i+1), func(t *testing.T) {
				same(t, c.Text, "ids with special tokens", c.IDs, k.Encode([]int32{}, c.Text, true))
				want := c.NoSpecial
				if want == nil {
					want = c.IDs
				}
				same(t, c.Text, "ids without special tokens", want, k.Encode([]int32{}, c.Text, false))
				same(t, c.Text, "decoded", c.Decoded, k.Decode(c.IDs, false))
				skipped := c.Decoded
				if c.Skipped != nil {
					skipped = *c.Skipped
				}
				same(t, c.Text, "decoded without special tokens", skipped, k.Decode(c.IDs, true))
			})
		}
	})
}

func TestGoldenTokenizersReal(t *testing.T) {
	t.Parallel()
	eachFolder(t, "tokenizers_real", func(t *testing.T, folder string) {
		k, err := hfjson.Open(folder)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range readCases(t, folder) {
			t.Run(fmt.Sprint(i+1), func(t *testing.T) {
				same(t, c.Text, "ids with special tokens", c.Special, k.Encode([]int32{}, c.Text, true))
				same(t, c.Text, "ids without special tokens", c.IDs, k.Encode([]int32{}, c.Text, false))
				same(t, c.Text, "decoded", c.Decoded, k.Decode(c.IDs, true))
			})
		}
	})
}

func TestGoldenTokenizerRoles(t *testing.T) {
	t.Parallel()
	eachFolder(t, "tokenizers", func(t *testing.T, folder string) {
		data, err := os.ReadFile(filepath.Join(folder, "info.json"))
		if err != nil {
			t.Fatal(err)
		}
		info := struct {
			Len                int
			BOS, EOS, PAD, UNK *int32
		}{}
		if err := json.Unmarshal(data, &info); err != nil {
			t.Fatal(err)
		}
		k, err := hfjson.Open(folder)
		if err != nil {
			t.Fatal(err)
		}
		or := func(id *int32) int32 {
			if id == nil {
				return -1
			}
			return *id
		}
		want := tok.Special{BOS: or(info.BOS), EOS: or(info.EOS), PAD: or(info.PAD), UNK: or(info.UNK)}
		same(t, folder, "special tokens", want, k.Special())
		same(t, folder, "size", info.Len, k.VocabSize())
	})
}

// The two older files hold the same tokenizer as tokenizer.json.
func TestGoldenVocabAndMerges(t *testing.T) {
	t.Parallel()
	eachFolder(t, "tokenizers", func(t *testing.T, folder string) {
		dir := t.TempDir()
		for _, name := range []string{"vocab.json", "merges.txt", "tokenizer_config.json"} {
			data, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil {
				t.Skipf("no %s", name)
			}
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		k, err := hfjson.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range readCases(t, folder) {
			same(t, c.Text, "ids", c.IDs, k.Encode([]int32{}, c.Text, true))
			same(t, c.Text, "decoded", c.Decoded, k.Decode(c.IDs, false))
		}
	})
}

func same(t *testing.T, text, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%.200q: %s (-want +got):\n%s", text, what, diff)
	}
}
