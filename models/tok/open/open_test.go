package open_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/bytebpe"
	"github.com/belay-ml/belay/models/tok/hfjson"
	"github.com/belay-ml/belay/models/tok/open"
)

func TestDirOpensWhatWriteWrote(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	vocab, merges := bytebpe.Train(map[string]int{" tok": 3}, 300)
	if err := hfjson.Write(dir, hfjson.Spec{Vocab: vocab, Merges: merges}); err != nil {
		t.Fatal(err)
	}
	k, err := open.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if ids := k.Encode(nil, "a tok", true); len(ids) != 2 || k.Decode(ids, false) != "a tok" {
		t.Errorf("ids %v", ids)
	}
}

func TestDirNamesAFileItCannotRead(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"spiece.model": "save_pretrained", "tokenizer.model": "tokenizer.model: at byte 1", "qwen.tiktoken": "qwen.tiktoken: line 1: want a token in base64",
	} {
		dir := filepath.Join(t.TempDir(), "odd [name]*")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, opening := range []func(string) (tok.Tokenizer, error){open.Dir, open.Slow} {
			_, err := opening(dir)
			if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v", name, err)
			}
		}
	}
}

func TestDirSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := open.Dir(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no tokenizer.json") {
		t.Errorf("empty directory: error %v", err)
	}
	if _, err := open.Dir(filepath.Join(t.TempDir(), "absent")); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("absent directory: error %v", err)
	}
}

// A directory as published: both forms beside each other.
func TestDirTakesTheFastFormAndSlowTheOther(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"tokenizer.model", "tokenizer_config.json"} {
		data, err := os.ReadFile(filepath.Join("..", "slow", "testdata", "legacy", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	alone, err := open.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	fast := `{"model":{"type":"WordLevel","unk_token":"<unk>","vocab":{"<unk>":0,"<s>":1,"</s>":2,"the":3}},"pre_tokenizer":{"type":"Whitespace"}}`
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte(fast), 0o644); err != nil {
		t.Fatal(err)
	}
	k, err := open.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	slow, err := open.Slow(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := k.Encode(nil, "the", true); !slices.Equal(got, []int32{1, 3}) {
		t.Errorf("fast: %v", got)
	}
	if a, b := alone.Encode(nil, "the model", true), slow.Encode(nil, "the model", true); !slices.Equal(a, b) || slices.Equal(b, []int32{1, 3, 0}) {
		t.Errorf("slow: %v, alone %v", b, a)
	}
}
