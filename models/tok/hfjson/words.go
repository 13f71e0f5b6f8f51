package hfjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/belay-ml/belay/models/tok/config"
)

// fromWords writes vocab.txt as the tokenizer.json that transformers would convert it to, nil when it is absent.
func fromWords(dir string, c *config.Config) ([]byte, error) {
	data, err := config.Read(dir, wordsFile)
	if err != nil || data == nil {
		return nil, err
	}
	if c.Class != "BertTokenizer" {
		return nil, fmt.Errorf("open tokenizer %s: %s of tokenizer_class %q cannot be read without %s: write it with "+
			"save_pretrained of transformers' AutoTokenizer", dir, wordsFile, c.Class, tokenizerFile)
	}
	ids := map[string]int{}
	for i, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		ids[strings.TrimSuffix(line, "\r")] = i
	}
	vocab, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	token := func(key, usual string) (string, int, error) {
		text := c.Token(key)
		if text == "" {
			text = usual
		}
		id, ok := ids[text]
		if !ok {
			return "", 0, fmt.Errorf("open tokenizer %s: %s %q is not there", filepath.Join(dir, wordsFile), key, text)
		}
		return text, id, nil
	}
	cls, clsID, err := token("cls_token", "[CLS]")
	if err != nil {
		return nil, err
	}
	sep, sepID, err := token("sep_token", "[SEP]")
	if err != nil {
		return nil, err
	}
	unk, _, err := token("unk_token", "[UNK]")
	if err != nil {
		return nil, err
	}
	return plain(object{
		{"normalizer", object{{"type", "BertNormalizer"}, {"clean_text", true}, {"handle_chinese_chars", true}, {"lowercase", c.LowerCase == nil || *c.LowerCase}}},
		{"pre_tokenizer", object{{"type", "BertPreTokenizer"}}},
		{"post_processor", object{{"type", "BertProcessing"}, {"sep", []any{sep, sepID}}, {"cls", []any{cls, clsID}}}},
		{"decoder", object{{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}},
		{"model", object{{"type", "WordPiece"}, {"unk_token", unk}, {"continuing_subword_prefix", "##"}, {"max_input_chars_per_word", 100},
			{"vocab", json.RawMessage(bytes.TrimSpace(vocab))}}},
	})
}
