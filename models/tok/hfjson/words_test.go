package hfjson_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ml/belay/models/tok/hfjson"
)

// The ids and texts are those of transformers 4.43.2, BertTokenizerFast.
func TestVocabTxtIsBERTs(t *testing.T) {
	t.Parallel()
	words := "[PAD] [UNK] [CLS] [SEP] [MASK] un ##aff ##able the a ##b ##s 数 , naive ! don ' t Ab"
	for _, c := range []struct {
		config, text string
		ids          []int32
		decoded      string
	}{
		{``, "UNaffable naïve, don't [MASK]数x Ab!", []int32{2, 5, 6, 7, 14, 13, 16, 17, 18, 4, 12, 1, 9, 10, 15, 3}, "unaffable naive, don ' t 数 ab!"},
		{``, "abs\tthe\x00 a", []int32{2, 9, 10, 11, 8, 9, 3}, "abs the a"},
		{``, "zzz unable", []int32{2, 1, 5, 7, 3}, "unable"},
		{`,"do_lower_case":false`, "UNaffable naïve, don't [MASK]数x Ab!", []int32{2, 1, 1, 13, 16, 17, 18, 4, 12, 1, 19, 15, 3}, ", don ' t 数 Ab!"},
		{`,"do_lower_case":false`, "abs\tthe\x00 a", []int32{2, 9, 10, 11, 8, 9, 3}, "abs the a"},
		{`,"do_lower_case":false`, "zzz unable", []int32{2, 1, 5, 7, 3}, "unable"},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{
			"vocab.txt": strings.ReplaceAll(words, " ", "\n") + "\n", "tokenizer_config.json": `{"tokenizer_class":"BertTokenizer"` + c.config + `}`,
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		k, err := hfjson.OpenVocab(dir)
		if err != nil {
			t.Fatal(err)
		}
		same(t, c.text, "ids", c.ids, k.Encode(nil, c.text, true))
		same(t, c.text, "decoded", c.decoded, k.Decode(c.ids, true))
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "vocab.txt"), []byte("a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := hfjson.OpenVocab(dir); err == nil || !strings.Contains(err.Error(), "tokenizer_class \"\"") {
		t.Errorf("no class: error %v", err)
	}
}
